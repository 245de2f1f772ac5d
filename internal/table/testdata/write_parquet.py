"""Writes the Parquet files of the tests: write_parquet.py FOLDER

Sentences of our own in the layout of a Hugging Face export, in every way pyarrow likes to write it.
"""

import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

ROWS = {
    "sentence1": [
        "The hens, all nine, are back.",
        'She said "no"\nand left.',
        "Čeněk rows.",
        None,
        "Rain.",
    ],
    "sentence2": ["The hens are back.", "She left.", "A man rows.", "Nothing.", ""],
    "label": [0, 1, None, 1, -1],
    "score": [0.5, 1.0, None, -3e-9, 2.0],
    "sure": [True, False, None, True, False],
    "votes": [[0, 1], [], None, [1], [0]],
}


def table(text="string", label="int64", score="float64"):
    types = [text, text, label, score, "bool", pa.list_(pa.int32())]
    return pa.table(
        {n: pa.array(v, type=t) for (n, v), t in zip(ROWS.items(), types, strict=True)}
    )


def main(folder: Path) -> None:
    pq.write_table(table(), folder / "plain.parquet")
    pq.write_table(
        table(), folder / "groups.parquet", row_group_size=2, compression="zstd"
    )
    pq.write_table(
        table("large_string", "int32", "float32"),
        folder / "large.parquet",
        use_dictionary=False,
        compression="none",
    )
    pq.write_table(
        table(label="int8"),
        folder / "gzip.parquet",
        data_page_version="2.0",
        compression="gzip",
    )
    dictionary = table().set_column(
        0, "sentence1", pa.array(ROWS["sentence1"]).dictionary_encode()
    )
    pq.write_table(
        dictionary,
        folder / "dictionary.parquet",
        compression="brotli",
        data_page_size=16,
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
