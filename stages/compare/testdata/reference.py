"""The definitions of every measure, in NumPy and SciPy on ΔW formed in full.

usage: reference.py P SIGN BASE ADAPTER... > rows.csv

Reads PEFT folders and the base model's itself and prints a line
table,task_i,task_j,layer,module,what,value for every row that a comparison of them has (task_j is
empty for measures of one adapter). It is slow and plain on purpose: it is what the Go code is
tested against.
"""

import json
import os
import re
import struct
import sys

import numpy as np
import scipy.linalg


def tensors(path):
    with open(path, "rb") as f:
        (n,) = struct.unpack("<Q", f.read(8))
        header = json.loads(f.read(n))
        data = f.read()
    out = {}
    for name, t in header.items():
        if name == "__metadata__":
            continue
        begin, end = t["data_offsets"]
        raw = data[begin:end]
        if t["dtype"] == "BF16":
            v = (np.frombuffer(raw, "<u2").astype(np.uint32) << 16).view(np.float32)
        else:
            v = np.frombuffer(
                raw, {"F64": "<f8", "F32": "<f4", "F16": "<f2"}[t["dtype"]]
            )
        out[name] = v.astype(np.float64).reshape(t["shape"])
    return out


def weights(folder):
    """(layer, type) -> W₀ of the base model."""
    t = tensors(os.path.join(folder, "model.safetensors"))
    out = {}
    for name, w in t.items():
        m = re.match(r"model\.layers\.(\d+)\..*?(\w+)\.weight$", name)
        out[int(m[1]), m[2]] = w
    return out


def updates(folder):
    """(layer, type) -> ΔW of one adapter."""
    with open(os.path.join(folder, "adapter_config.json")) as f:
        config = json.load(f)
    r, alpha = config.get("r", 8), config.get("lora_alpha", 8)
    scale = alpha / np.sqrt(r) if config.get("use_rslora") else alpha / r
    t = tensors(os.path.join(folder, "adapter_model.safetensors"))
    out = {}
    for name in t:
        m = re.match(
            r"base_model\.model\.model\.layers\.(\d+)\..*?(\w+)\.lora_A\.weight$", name
        )
        if m:
            out[int(m[1]), m[2]] = scale * (
                t[name.replace("lora_A", "lora_B")] @ t[name]
            )
    return out


def svd(w):
    u, s, vt = np.linalg.svd(w, full_matrices=False)
    k = int(np.sum(s > s[0] * np.finfo(np.float64).eps * max(w.shape)))
    return u[:, :k], s[:k], vt[:k].T


def angles(u, v):
    cos = np.clip(np.linalg.svd(u.T @ v, compute_uv=False), 0, 1)
    big, other = (u, v) if u.shape[1] >= v.shape[1] else (v, u)
    sin = np.linalg.svd(other - big @ (big.T @ other), compute_uv=False)[::-1]
    theta = np.arctan2(np.clip(sin, 0, 1), cos)
    # SciPy's own algorithm agrees, except that it is blind below 1e-8.
    check = np.sort(scipy.linalg.subspace_angles(u, v))
    assert np.allclose(theta, check, atol=2e-7), (theta, check)
    missing = abs(u.shape[1] - v.shape[1])
    return np.concatenate([theta, np.full(missing, np.pi / 2)])


def distances(theta, u, v):
    """Every measure of one side: from projectors and determinants where that is well-conditioned."""
    missing = abs(u.shape[1] - v.shape[1])
    smaller = min(u.shape[1], v.shape[1])
    gap = u @ u.T - v @ v.T
    # ln Π cos²θ; arccos and 1 − Π cos² themselves lose angles below 1e-8.
    log = -np.inf if missing else np.sum(np.log1p(-(np.sin(theta) ** 2)))
    binet_cauchy = np.sqrt(-np.expm1(log))
    if not missing:
        det = np.linalg.det(u.T @ v)
        assert np.isclose(np.exp(log), det**2, rtol=1e-9, atol=1e-12), (log, det)
    return {
        "grassmann": np.sqrt(np.sum(theta**2)),
        "grassmann_sum": np.sum(theta),
        "grassmann_paper": np.sqrt(np.sum(np.maximum(theta, np.arccos(0.9999)) ** 2)),
        "chordal": np.sqrt((np.linalg.norm(gap) ** 2 + missing) / 2),
        "asimov": np.max(theta),
        "fubini_study": np.arctan2(binet_cauchy, np.exp(log / 2)),
        "martin": np.sqrt(-log),
        "binet_cauchy": binet_cauchy,
        "procrustes": 2 * np.sqrt(np.sum(np.sin(theta / 2) ** 2)),
        "projection": np.linalg.norm(gap, 2),
        "phi": np.linalg.norm(u.T @ v) ** 2 / smaller,
    }


def alignment(a, b):
    """Linear CKA of the coordinates (a row a direction) in the joint basis of KnOTS, which is formed."""
    _, s, vt = np.linalg.svd(np.hstack([a, b]), full_matrices=False)
    x = s[:, None] * vt
    x, y = x[:, : a.shape[1]], x[:, a.shape[1] :]
    return np.linalg.norm(y.T @ x) ** 2 / (
        np.linalg.norm(x.T @ x) * np.linalg.norm(y.T @ y)
    )


def interference(d):
    """Singular task interference of decompositions, as the paper writes it."""
    u, v = np.hstack([x[0] for x in d]), np.hstack([x[2] for x in d])
    s = np.diag(np.concatenate([x[1] for x in d]))
    one = np.eye(len(s))
    return np.sum(np.abs((u.T @ u - one) @ s @ (v.T @ v - one)))


def aligned(d, w):
    """Subspace alignment ratio of w with the leading directions of a decomposition."""
    u, s, _ = d
    left = np.sqrt(np.append(np.cumsum(s[::-1] ** 2)[::-1], 0))
    k = int(np.argmax(left <= 0.05 * left[0]))
    return np.linalg.norm(u[:, :k] @ u[:, :k].T @ w) / np.linalg.norm(w)


def trimmed(modules):
    """All modules of one adapter as TIES trims them: a fifth of the entries, the largest, of all of them together.

    As in the authors' code the least that is kept is the one that int(d / 5) of d are larger than; here it is rounded
    down to 11 significant bits.
    """
    sizes = np.sort(np.abs(np.concatenate([w.ravel() for w in modules.values()])))
    m, e = np.frexp(sizes[len(sizes) - len(sizes) // 5 - 1])
    least = np.ldexp(np.floor(m * 2048) / 2048, e)
    return {k: np.where(np.abs(w) >= least, w, 0) for k, w in modules.items()}


def single(d, r, w0):
    """Every measure of one adapter of rank r; ΔW is the product of the decomposition."""
    u, s, v = d
    w = u * s @ v.T
    p = s / np.sum(s)
    tuned, base = np.linalg.svd(w0 + w)[0], np.linalg.svd(w0, full_matrices=False)[0]
    cosines = np.max(np.abs(base.T @ tuned[:, :10]), axis=0)
    return {
        "norm": np.linalg.norm(w),
        "rank": len(s),
        "rank_missing": r - len(s),
        "stable_rank": np.linalg.norm(w) ** 2 / np.linalg.norm(w, 2) ** 2,
        "effective_rank": np.exp(-np.sum(p * np.log(p))),
        "amplification": np.linalg.norm(w) / np.linalg.norm(u.T @ w0 @ v),
        "intruders": np.sum(cosines < 0.5),
    }


def unit(s):
    total = np.sum(np.abs(s))
    return s / total if total > 0 else s  # a spectrum of zeros stays one


def lp(order, a, b):
    return float(np.sum(np.abs(a - b) ** order) ** (1 / order))


def entropy(s):
    if len(s) < 2:
        return 0.0
    p = np.abs(unit(s))
    p = p[p > 0]
    return -np.sum(p * np.log(p)) / np.log(len(s))


def main():
    p, sign = float(sys.argv[1]), sys.argv[2]
    base, folders = weights(sys.argv[3]), sys.argv[4:]
    names = [os.path.basename(f) for f in folders]
    r = []
    for f in folders:
        with open(os.path.join(f, "adapter_config.json")) as config:
            r.append(json.load(config).get("r", 8))
    all_updates = [updates(f) for f in folders]
    all_trimmed = [trimmed(d) for d in all_updates]
    for layer, kind in sorted(all_updates[0]):
        where = f"{layer},{kind}"
        w = [d[layer, kind] for d in all_updates]
        kept = [d[layer, kind] for d in all_trimmed]
        d = [svd(x) for x in w]
        for i in range(len(w)):
            for name, value in single(d[i], r[i], base[layer, kind]).items():
                print(f"adapters,{names[i]},,{where},{name},{float(value)!r}")
        for i in range(len(w)):
            for j in range(len(w)):
                if i == j:
                    continue
                pair = f"{names[i]},{names[j]},{where}"
                u, s1, v = d[i]
                ni, nj = np.linalg.norm(w[i]), np.linalg.norm(w[j])
                if i < j:
                    for side, k in (("column", 0), ("row", 2)):
                        theta = angles(d[i][k], d[j][k])
                        for name, value in distances(theta, d[i][k], d[j][k]).items():
                            print(f"similarity,{pair},{side} {name},{float(value)!r}")
                    for name, value in {
                        "column knots_alignment": alignment(w[i], w[j]),
                        "row knots_alignment": alignment(w[i].T, w[j].T),
                        "column sti": interference([d[i], d[j]]),
                        "column sign_conflict": np.mean(w[i] * w[j] < 0),
                        "column sign_conflict_ties": np.mean(kept[i] * kept[j] < 0),
                    }.items():
                        print(f"similarity,{pair},{name},{float(value)!r}")
                    print(
                        f"similarity,{pair},column cosine,{float(1 - np.sum(w[i] * w[j]) / (ni * nj))!r}"
                    )
                    print(
                        f"similarity,{pair},column l2,{float(np.linalg.norm(w[i] - w[j]))!r}"
                    )
                    gap = np.zeros(max(len(d[i][1]), len(d[j][1])))
                    gap[: len(d[i][1])] += d[i][1]
                    gap[: len(d[j][1])] -= d[j][1]
                    print(
                        f"similarity,{pair},column spectral_l2,{float(np.linalg.norm(gap))!r}"
                    )
                core = u.T @ w[j] @ v
                raw = np.diag(core)
                s2 = {"abs": np.abs(raw), "clip": np.maximum(raw, 0), "signed": raw}[
                    sign
                ]
                for m in range(len(s1)):
                    print(f"spectra,{pair},s1 {m},{float(s1[m])!r}")
                    print(f"spectra,{pair},s2 {m},{float(raw[m])!r}")
                for name, order in (("l1", 1), ("l2", 2), ("lp", p)):
                    print(f"projection,{pair},{name},{lp(order, s1, s2)!r}")
                    print(
                        f"projection,{pair},{name}_unit,{lp(order, unit(s1), unit(s2))!r}"
                    )
                values = {
                    "rec": np.sum(np.minimum(unit(s1), np.abs(unit(s2)))),
                    "entropy_source": entropy(s1),
                    "entropy": entropy(s2),
                    "negatives": np.sum(raw < 0),
                    "e_diag": np.sum(raw**2) / nj**2,
                    "e_core": np.linalg.norm(core) ** 2 / nj**2,
                    "e_col": np.linalg.norm(u.T @ w[j]) ** 2 / nj**2,
                    "e_row": np.linalg.norm(w[j] @ v) ** 2 / nj**2,
                    "sar": aligned(d[i], w[j]),
                }
                for name, value in values.items():
                    print(f"projection,{pair},{name},{float(value)!r}")


main()
