"""Trains one LoRA adapter in a container: the PEFT trainer of taskvec.

A job's folder holds job.json; the trainer reads the examples and the base model that it names and
writes out/adapter, out/init and out/train.json. See job.py for the contract. It draws no splits,
builds no prompts and talks to no network.
"""
