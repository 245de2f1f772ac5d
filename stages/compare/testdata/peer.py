"""The peer of the benchmark: what `compare` measures, in the fastest NumPy we know how to write.

    peer.py [--blas] [--csv DIR] ADAPTER...

Updates stay factored and everything is float64. For each module the factors of all adapters are read and
orthonormalised together by CholeskyQR2 (faster than batched LAPACK QR), one GEMM a side gives every inner product,
and the r x r work is batched. Modules are spread over one thread a core, each with a single-threaded OpenBLAS; with
--blas one thread does them in turn and OpenBLAS uses every core. Adapters must have one rank and the same modules.
Prints seconds by part and the peak memory as JSON; with --csv it also writes the rows that `compare` writes.
"""

import argparse
import json
import os
import resource
import sys
import time
from concurrent.futures import ThreadPoolExecutor

if "--blas" not in sys.argv:
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # read when NumPy is imported

import numpy as np
from safetensors import safe_open

NEAR_ONE = 0.9998  # cosine above which an angle is taken from its sine too


def load(folder):
    with open(os.path.join(folder, "adapter_config.json"), encoding="utf-8") as f:
        config = json.load(f)
    alpha = config.get("lora_alpha", 8)
    scale = alpha / config["r"] ** (0.5 if config.get("use_rslora") else 1)
    return scale, safe_open(
        os.path.join(folder, "adapter_model.safetensors"), framework="np"
    )


def factors(files, module):
    """A and B transposed of every adapter at one module, (t, r, n_in) and (t, r, n_out)."""
    a = np.stack(
        [f.get_tensor(module + ".lora_A.weight") for f in files], dtype=np.float64
    )
    b = [f.get_tensor(module + ".lora_B.weight") for f in files]
    transposed = np.empty((len(b), b[0].shape[1], b[0].shape[0]))
    for x, y in zip(b, transposed):
        y[:] = x.T
    return transposed, a


def frames(x):
    """x (t, r, n): nearly orthonormal rows q of x = lower @ q, and all their inner products by one GEMM."""
    lower = np.linalg.cholesky(x @ x.swapaxes(-1, -2))
    q = np.linalg.inv(lower) @ x
    t, r, n = q.shape
    stack = q.reshape(t * r, n)
    return lower, q, (stack @ stack.T).reshape(t, r, t, r).swapaxes(1, 2)


def decompose(scales, b, a):
    """b (t, r, n_out) and a (t, r, n_in): S of every s*B*A, and of each side the inner products of all singular
    vectors (t, t, r, r), nearly orthonormal rows, and the coefficients that make them the singular vectors.

    CholeskyQR2, whose second factorisation takes its Gram matrix from the products of all with all.
    """
    parts, roots = [], []
    for x in (b, a):
        lower, q, gram = frames(x)
        second = np.linalg.cholesky(np.einsum("iirs->irs", gram))
        parts.append((q, gram, np.linalg.inv(second)))
        roots.append(lower @ second)
    u, s, vt = np.linalg.svd(
        scales[:, None, None] * (roots[0].swapaxes(-1, -2) @ roots[1])
    )
    if (s[:, -1] <= s[:, 0] * 2.0**-52 * max(b.shape[2], a.shape[2])).any():
        raise SystemExit("peer.py wants updates of full rank")
    sides = []
    for (q, gram, inverse), rotation in zip(parts, (u.swapaxes(-1, -2), vt)):
        c = rotation @ inverse
        sides.append((c[:, None] @ gram @ c.swapaxes(-1, -2)[None], q, c))
    return s, sides


def angles(overlap, q, c, i, j):
    """Principal angles (pairs, r) of one module, ascending; sines only where a cosine is near 1."""
    cosines = np.minimum(np.linalg.svd(overlap, compute_uv=False), 1)
    theta = np.arccos(cosines)
    for p in np.nonzero(cosines[:, 0] >= NEAR_ONE)[0]:
        u, v = c[i[p]] @ q[i[p]], c[j[p]] @ q[j[p]]
        sines = np.linalg.svd(v - overlap[p].T @ u, compute_uv=False)[::-1]
        near = cosines[p] >= NEAR_ONE
        theta[p][near] = np.arctan2(sines, cosines[p])[near]
    return np.sort(theta)


def sided(theta, overlap):
    sine, cosine = np.sin(theta), np.cos(theta)
    with np.errstate(divide="ignore"):
        logs = np.where(theta < 1, np.log1p(-(sine**2)), 2 * np.log(cosine)).sum(-1)
    logs = np.where((cosine < 1e-14).any(-1), -np.inf, logs)
    binet = np.sqrt(np.maximum(0, -np.expm1(logs)))
    return {
        "grassmann": np.sqrt((theta**2).sum(-1)),
        "grassmann_sum": theta.sum(-1),
        "grassmann_paper": np.sqrt((np.maximum(theta, np.arccos(0.9999)) ** 2).sum(-1)),
        "chordal": np.sqrt((sine**2).sum(-1)),
        "asimov": theta[..., -1],
        "fubini_study": np.arctan2(binet, np.exp(logs / 2)),
        "martin": np.sqrt(np.maximum(0, -logs)),
        "binet_cauchy": binet,
        "procrustes": 2 * np.sqrt((np.sin(theta / 2) ** 2).sum(-1)),
        "projection": sine[..., -1],
        "phi": np.minimum(1, (overlap**2).sum((-1, -2)) / overlap.shape[-1]),
    }


def whole(s, m, n, i, j, kept):
    """Measures of the whole update, of the pairs."""
    inner = ((s[:, i, :, None] * s[:, j, None, :]) * m * n).sum((-1, -2))
    norms = np.sqrt((s**2).sum(-1))
    a, b = norms[:, i], norms[:, j]
    square = a**2 + b**2 - 2 * inner
    l2 = np.sqrt(np.maximum(square, 0))
    for p, q in zip(
        *np.nonzero(square <= 1e-2 * (a**2 + b**2))
    ):  # cancellation: from the residuals
        x, y = i[q], j[q]
        e = np.linalg.qr((kept[p][0][y] - m[p, q].T @ kept[p][0][x]).T, mode="r")
        f = np.linalg.qr((kept[p][1][y] - n[p, q].T @ kept[p][1][x]).T, mode="r")
        left, right = np.vstack([m[p, q], e]), np.vstack([n[p, q], f])
        d = -(left * s[p, y]) @ right.T
        k = s.shape[-1]
        d[:k, :k] += np.diag(s[p, x])
        l2[p, q] = np.linalg.norm(d)
    return {
        "cosine": np.clip(1 - inner / (a * b), 0, 2),
        "l2": l2,
        "spectral_l2": np.sqrt(((s[:, i] - s[:, j]) ** 2).sum(-1)),
    }


def lp(p, a, b):
    d = np.abs(a - b)
    if p == 1:
        return d.sum(-1)
    if p == 2:
        return np.sqrt((d * d).sum(-1))
    return (d * d * d).sum(-1) ** (1 / 3)


def entropy(p):
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.minimum(
            1, -np.where(p > 0, p * np.log(p), 0).sum(-1) / np.log(p.shape[-1])
        )


def project(s, m, n, i, j, tolerance):
    """Update j on the axes of update i, of the ordered pairs; negative entries as their absolute value."""
    s1, sj = s[:, i], s[:, j]
    weighted = m * sj[:, :, None, :]
    core = weighted @ n.swapaxes(-1, -2)
    s2 = np.einsum("...kk->...k", core).copy()
    s2[np.abs(s2) <= tolerance * sj[..., :1]] = 0
    total = (sj**2).sum(-1)
    size = np.abs(s2)
    unit1 = s1 / s1.sum(-1, keepdims=True)
    unit2 = size / np.maximum(size.sum(-1, keepdims=True), np.finfo(float).tiny)
    values = {
        "l1": lp(1, s1, size), "l2": lp(2, s1, size), "lp": lp(3, s1, size),
        "l1_unit": lp(1, unit1, unit2), "l2_unit": lp(2, unit1, unit2), "lp_unit": lp(3, unit1, unit2),
        "rec": np.minimum(1, np.minimum(unit1, unit2).sum(-1)),
        "entropy_source": entropy(unit1), "entropy": entropy(unit2), "negatives": (s2 < 0).sum(-1),
        "e_diag": (s2**2).sum(-1) / total, "e_core": (core**2).sum((-1, -2)) / total,
        "e_col": (weighted**2).sum((-1, -2)) / total, "e_row": ((n * sj[:, :, None, :]) ** 2).sum((-1, -2)) / total,
    }  # fmt: skip
    return values, s1, s2


def one(scales, files, module, i, j):
    """What pairs need of one module: S, the inner products and angles of both sides, the frames if some are near."""
    b, a = factors(files, module)
    s, sides = decompose(scales, b, a)
    theta = [angles(gram[i, j], q, c, i, j) for gram, q, c in sides]
    near = max(theta[0].min(), theta[1].min()) < 0.4  # only near updates cancel in l2
    kept = [c @ q for _, q, c in sides] if near else None
    return (
        s,
        sides[0][0],
        sides[1][0],
        *theta,
        2.0**-52 * max(b.shape[2], a.shape[2]),
        kept,
    )


def compare(folders, threads, clock):
    scales, files = zip(*[load(f) for f in folders])
    names = files[0].keys()
    modules = sorted(
        name[: -len(".lora_A.weight")]
        for name in names
        if name.endswith(".lora_A.weight")
    )
    t = len(folders)
    i, j = np.triu_indices(t, 1)
    with ThreadPoolExecutor(threads) as pool:
        parts = list(
            pool.map(lambda module: one(np.array(scales), files, module, i, j), modules)
        )
    s, left, right, columns, rows, tolerance = (
        np.array(x) for x in list(zip(*parts))[:-1]
    )
    clock("read_and_decompose")
    m, n = left[:, i, j], right[:, i, j]
    sides = [sided(columns, m), sided(rows, n)]
    both = whole(s, m, n, i, j, [part[-1] for part in parts])
    clock("similarity")
    x, y = np.nonzero(~np.eye(t, dtype=bool))
    projections = project(
        s, left[:, x, y], right[:, x, y], x, y, tolerance[:, None, None]
    )
    clock("projection")
    return modules, (i, j, sides, both), (x, y, *projections)


def write(folder, names, modules, similarity, projection):
    os.makedirs(folder, exist_ok=True)
    i, j, sides, both = similarity
    x, y, values, s1, s2 = projection
    where = [
        (name.split(".layers.")[1].split(".")[0] + "," + name.rsplit(".", 1)[1])
        for name in modules
    ]
    with open(os.path.join(folder, "similarity.csv"), "w", encoding="utf-8") as f:
        f.write("task_i,task_j,layer,module,side,measure,value\n")
        columns = [
            (side + "," + k, v.tolist())
            for side, d in zip(("column", "row"), sides)
            for k, v in d.items()
        ]
        columns += [("column," + k, v.tolist()) for k, v in both.items()]
        for m, place in enumerate(where):
            for p in range(len(i)):
                head = f"{names[i[p]]},{names[j[p]]},{place},"
                f.writelines(f"{head}{k},{v[m][p]!r}\n" for k, v in columns)
    with open(os.path.join(folder, "projection.csv"), "w", encoding="utf-8") as f:
        f.write("source,target,layer,module,measure,value\n")
        columns = [(k, v.tolist()) for k, v in values.items()]
        for m, place in enumerate(where):
            for p in range(len(x)):
                head = f"{names[x[p]]},{names[y[p]]},{place},"
                f.writelines(f"{head}{k},{v[m][p]!r}\n" for k, v in columns)
    with open(os.path.join(folder, "spectra.csv"), "w", encoding="utf-8") as f:
        f.write("source,target,layer,module,index,s1,s2\n")
        first, second = s1.tolist(), s2.tolist()
        for m, place in enumerate(where):
            for p in range(len(x)):
                head = f"{names[x[p]]},{names[y[p]]},{place},"
                f.writelines(
                    f"{head}{k},{v!r},{w!r}\n"
                    for k, (v, w) in enumerate(zip(first[m][p], second[m][p]))
                )


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--blas", action="store_true")
    parser.add_argument("--csv")
    parser.add_argument("adapters", nargs="+")
    arguments = parser.parse_args()
    seconds, last = {}, time.perf_counter()

    def clock(part):
        nonlocal last
        now = time.perf_counter()
        seconds[part], last = now - last, now

    results = compare(
        arguments.adapters, 1 if arguments.blas else os.cpu_count(), clock
    )
    seconds["measures"] = sum(seconds.values())
    if arguments.csv:
        write(
            arguments.csv,
            [os.path.basename(os.path.abspath(d)) for d in arguments.adapters],
            *results,
        )
        clock("csv")
    seconds["rss_kib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps(seconds))


if __name__ == "__main__":
    main()
