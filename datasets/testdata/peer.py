"""Reads CoNLL-2012 files with the reader of allennlp-models: the peer of package datasets.

    peer.py time FOLDER     reads every document; prints JSON: seconds, counts
    peer.py dump FILE...    prints every sentence as a line of JSON

Runs in the environment of .ci/readers. Of what the reader imports only nltk is needed.
"""

import json
import sys
import time
import types

TYPES = "allennlp.data.dataset_readers.dataset_utils.span_utils"
for name in [".".join(TYPES.split(".")[:i]) for i in range(1, 6)]:
    sys.modules[name] = types.ModuleType(name)
sys.modules[TYPES].TypedSpan = None  # stands in annotations alone
sys.path.insert(0, sys.prefix)

from allennlp_models.common.ontonotes import Ontonotes


def timed(folder):
    reader = Ontonotes()
    counts = {"sentences": 0, "words": 0, "mentions": 0}
    start, used = time.perf_counter(), time.process_time()
    for file in Ontonotes.dataset_path_iterator(folder):
        for document in reader.dataset_document_iterator(file):
            for s in document:
                counts["sentences"] += 1
                counts["words"] += len(s.words)
                counts["mentions"] += len(s.coref_spans)
    counts["seconds"] = time.perf_counter() - start
    counts["processor_seconds"] = time.process_time() - used
    return counts


def dump(files):
    reader = Ontonotes()
    for file in files:
        for document in reader.dataset_document_iterator(file):
            for s in document:
                print(
                    json.dumps(
                        {
                            "words": s.words,
                            "pos": s.pos_tags,
                            "tree": " ".join(str(s.parse_tree).split()),
                            "lemmas": s.predicate_lemmas,
                            "framesets": s.predicate_framenet_ids,
                            "speakers": s.speakers,
                            "names": s.named_entities,
                            "frames": [labels for _, labels in s.srl_frames],
                            "mentions": sorted(
                                [chain, *span] for chain, span in s.coref_spans
                            ),
                        }
                    )
                )


if __name__ == "__main__":
    if sys.argv[1] == "time":
        print(json.dumps(timed(sys.argv[2])))
    else:
        dump(sys.argv[2:])
