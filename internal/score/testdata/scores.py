"""Scores pairs of texts by rouge-score and pairs of label lists by scikit-learn: JSON in, JSON out."""

import json
import sys

from rouge_score import rouge_scorer
from sklearn import metrics

asked = json.load(sys.stdin)
scorer = rouge_scorer.RougeScorer(["rouge1", "rouge2", "rougeL"], use_stemmer=False)
texts = [
    [s.fmeasure for s in scorer.score(reference, answer).values()]
    for reference, answer in asked["texts"]
]
labels = [
    [
        metrics.accuracy_score(reference, answer),
        metrics.f1_score(reference, answer, average="macro"),
        metrics.matthews_corrcoef(reference, answer),
    ]
    for reference, answer in asked["labels"]
]
json.dump({"texts": texts, "labels": labels}, sys.stdout)
