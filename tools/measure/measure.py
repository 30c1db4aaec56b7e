#!/usr/bin/env python3
"""Measures the kernels that LLM serving is made of on your GPU: matrix products, attention (decode,
prefill, mixed) and all-reduces. Needs PyTorch with CUDA (or ROCm), nothing else.

    python3 measure.py -o kernels.csv               a few minutes on one GPU
    python3 measure.py -o kernels.csv --gpus 2,4    all-reduces of 2 and of 4 GPUs too
    python3 measure.py --dry-run                    the shapes alone, without a GPU

The table goes to `penstock calibrate kernels.csv FILE`; docs/calibrating.md explains its columns.
"""

import argparse
import csv
import os
import sys

COLUMNS = ["source", "gpu", "op", "sub", "model", "tp", "dtype", "M", "N", "K", "B", "q",
           "kv_prefix", "kv_decode", "nq", "nkv", "hd", "measured_ms"]

# name: hidden size, intermediate size, query heads, kv heads, head size
MODELS = {
    "llama-3.1-8b": (4096, 14336, 32, 8, 128),
    "llama-3.1-70b": (8192, 28672, 64, 8, 128),
    "qwen3-8b": (4096, 12288, 32, 8, 128),
    "qwen3-32b": (5120, 25600, 64, 8, 128),
}
TOKENS = [1, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192]
CONTEXTS = [128, 512, 2048, 8192, 32768]
BATCHES = [1, 4, 16, 64, 256]
CHUNKS = [(128, 0), (512, 0), (2048, 0), (8192, 0), (512, 2048), (2048, 8192), (512, 32768)]
MIXED = [(256, 0), (1024, 0), (2048, 2048), (512, 8192)]
ALL_REDUCE_BYTES = [1 << n for n in range(13, 29, 2)]
MOST_KV_BYTES = 16e9  # of one attention call


def row(op, **values):
    out = dict.fromkeys(COLUMNS, 0)
    out.update(source="tools/measure", gpu="", sub="", model="", dtype="", tp=1, measured_ms="")
    out.update(op=op, **values)
    return out


def plan_gemms(models, tps, dtypes):
    for name in models:
        hidden, wide, nq, nkv, hd = MODELS[name]
        for tp in tps:
            shapes = {"qkv": ((nq + 2 * nkv) * hd // tp, hidden), "o": (hidden, nq * hd // tp),
                      "gate_up": (2 * wide // tp, hidden), "down": (hidden, wide // tp)}
            for sub, (n, k) in shapes.items():
                for dtype in dtypes:
                    for m in TOKENS:
                        yield row("gemm", sub=sub, model=name, tp=tp, dtype=dtype, M=m, N=n, K=k)


def plan_attention(models, tps):
    """Each shape of heads once, whichever models have it."""
    heads = sorted({(MODELS[m][2] // tp, max(1, MODELS[m][3] // tp), MODELS[m][4])
                    for m in models for tp in tps})
    for nq, nkv, hd in heads:
        common = dict(nq=nq, nkv=nkv, hd=hd)
        fits = MOST_KV_BYTES / (4 * nkv * hd)
        for q, prefix in CHUNKS:
            yield row("attn_prefill", q=q, kv_prefix=prefix, **common)
        for batch in BATCHES:
            for context in CONTEXTS:
                if batch * context <= fits:
                    yield row("attn_decode", B=batch, kv_decode=context, **common)
        for q, prefix in MIXED:
            for batch in BATCHES:
                for context in CONTEXTS[:4]:
                    if batch * context <= fits:
                        yield row("attn_mixed", q=q, kv_prefix=prefix, B=batch, kv_decode=context,
                                  **common)


def plan_all_reduces(gpus):
    for n in gpus:
        for size in ALL_REDUCE_BYTES:
            yield row("all_reduce", tp=n, M=size, N=n)


def plan(args):
    rows = []
    if "gemm" in args.ops:
        rows += plan_gemms(args.models, args.tp, args.dtypes)
    if "attention" in args.ops:
        rows += plan_attention(args.models, args.tp)
    if "all_reduce" in args.ops:
        rows += plan_all_reduces(args.gpus)
    return rows


def sequences(one):
    """(new tokens, context with them) of each sequence of an attention row, the chunk first."""
    chunk = [(one["q"], one["q"] + one["kv_prefix"])] if one["q"] > 0 else []
    return chunk + [(1, one["kv_decode"])] * one["B"]


# ---- On the GPU ---------------------------------------------------------------------------------


def median_ms(torch, calls, repeats):
    """Time of one call, in a CUDA graph of all of them: without what launching costs."""
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        for call in calls:
            call()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=stream):
        for call in calls:
            call()
    times = []
    for _ in range(repeats + 2):
        start = torch.cuda.Event(enable_timing=True)
        end = torch.cuda.Event(enable_timing=True)
        start.record()
        graph.replay()
        end.record()
        end.synchronize()
        times.append(start.elapsed_time(end) / len(calls))
    return sorted(times[2:])[repeats // 2]


def copies_of(torch, bytes_each):
    """So many that they do not fit into the L2 cache: weights come from memory, as in a model."""
    free = torch.cuda.mem_get_info()[0]
    wanted = max(2, -(-512 * 2**20 // max(1, int(bytes_each))))
    return max(1, min(wanted, 64, int(0.5 * free / max(1, bytes_each))))


def gemm_calls(torch, one):
    m, n, k = one["M"], one["N"], one["K"]
    if one["dtype"] == "fp8":
        fp8 = torch.float8_e4m3fn
        scale = torch.ones((), device="cuda")
        a = torch.randn(max(m, 16), k, device="cuda").to(fp8)
        weights = [torch.randn(n, k, device="cuda").to(fp8).t()
                   for _ in range(copies_of(torch, n * k))]
        return [lambda w=w: torch._scaled_mm(a, w, scale_a=scale, scale_b=scale,
                                             out_dtype=torch.bfloat16) for w in weights]
    a = torch.randn(m, k, device="cuda", dtype=torch.bfloat16)
    weights = [torch.randn(n, k, device="cuda", dtype=torch.bfloat16)
               for _ in range(copies_of(torch, 2 * n * k))]
    return [lambda w=w: torch.nn.functional.linear(a, w) for w in weights]


def attention_calls(torch, one):
    """One kernel of variable lengths (FlashAttention as PyTorch brings it), as vLLM's."""
    lengths = sequences(one)
    nq, nkv, hd = one["nq"], one["nkv"], one["hd"]
    queries = sum(q for q, _ in lengths)
    keys = sum(kv for _, kv in lengths)

    def starts(values):
        ends = torch.tensor([0] + values, device="cuda").cumsum(0)
        return ends.to(torch.int32)

    def tensor(tokens, heads):
        return torch.randn(tokens, heads, hd, device="cuda", dtype=torch.bfloat16)

    q_starts = starts([q for q, _ in lengths])
    kv_starts = starts([kv for _, kv in lengths])
    most_q = max(q for q, _ in lengths)
    most_kv = max(kv for _, kv in lengths)
    q = tensor(queries, nq)
    pairs = [(tensor(keys, nkv), tensor(keys, nkv))
             for _ in range(copies_of(torch, 4 * keys * nkv * hd))]
    # Causal from the end of the context, as a chunk behind its prefix is.
    return [lambda kv=kv: torch.ops.aten._flash_attention_forward(
        q, kv[0], kv[1], q_starts, kv_starts, most_q, most_kv, 0.0, True, False)[0]
        for kv in pairs]


def measure_alone(torch, one, repeats):
    calls = gemm_calls(torch, one) if one["op"] == "gemm" else attention_calls(torch, one)
    time_ms = median_ms(torch, calls, repeats)
    del calls
    torch.cuda.empty_cache()
    return time_ms


def all_reduce_worker(rank, gpus, rows, repeats, queue):
    import torch
    import torch.distributed as dist
    os.environ.setdefault("MASTER_ADDR", "127.0.0.1")
    os.environ.setdefault("MASTER_PORT", "29533")
    torch.cuda.set_device(rank)
    dist.init_process_group("nccl", rank=rank, world_size=gpus)
    for one in rows:
        data = torch.zeros(one["M"] // 2, device="cuda", dtype=torch.bfloat16)
        times = []
        for _ in range(repeats + 5):
            dist.barrier()
            torch.cuda.synchronize()
            start = torch.cuda.Event(enable_timing=True)
            end = torch.cuda.Event(enable_timing=True)
            start.record()
            for _ in range(10):
                dist.all_reduce(data)
            end.record()
            end.synchronize()
            times.append(start.elapsed_time(end) / 10)
        if rank == 0:
            queue.put(sorted(times[5:])[repeats // 2])
    dist.destroy_process_group()


def measure_all_reduces(rows, repeats):
    import torch.multiprocessing as mp
    for gpus in sorted({one["tp"] for one in rows}):
        group = [one for one in rows if one["tp"] == gpus]
        context = mp.get_context("spawn")
        queue = context.Queue()
        mp.spawn(all_reduce_worker, args=(gpus, group, repeats, queue), nprocs=gpus, join=True)
        for one in group:
            one["measured_ms"] = round(queue.get(), 6)


def measure(rows, args):
    try:
        import torch
    except ImportError:
        sys.exit("measure.py: there is no PyTorch here; --dry-run shows the shapes without it")
    if not torch.cuda.is_available():
        sys.exit("measure.py: PyTorch sees no GPU; --dry-run shows the shapes without one")
    name = args.gpu or torch.cuda.get_device_name()
    for one in rows:
        one["gpu"] = name
    alone = [one for one in rows if one["op"] != "all_reduce"]
    skipped = 0
    for done, one in enumerate(alone):
        try:
            with torch.no_grad():
                one["measured_ms"] = round(measure_alone(torch, one, args.repeats), 6)
        except (RuntimeError, AttributeError) as error:  # no such kernel here, or no memory
            skipped += 1
            torch.cuda.empty_cache()
            if skipped <= 3:
                print(f"left out: {one['op']} {one}: {error}", file=sys.stderr)
        if done % 50 == 0:
            print(f"{done} of {len(alone)} kernels", file=sys.stderr)
    measure_all_reduces([one for one in rows if one["op"] == "all_reduce"], args.repeats)
    print(f"{len(rows) - skipped} measured, {skipped} left out, on {name}", file=sys.stderr)


# ---- Command line -------------------------------------------------------------------------------


def comma_list(known=None, of=str):
    def parse(text):
        values = [of(part) for part in text.split(",") if part]
        unknown = [value for value in values if known and value not in known]
        if unknown:
            raise argparse.ArgumentTypeError(f"{unknown[0]} is none of {', '.join(known)}")
        return values
    return parse


def parse_arguments(words):
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    ops = ["gemm", "attention", "all_reduce"]
    parser.add_argument("-o", "--output", default="-", help="file (default: standard output)")
    parser.add_argument("--ops", type=comma_list(ops), default=ops, help="of " + ", ".join(ops))
    parser.add_argument("--models", type=comma_list(list(MODELS)), default=["llama-3.1-8b"],
                        help="whose shapes, of " + ", ".join(MODELS))
    parser.add_argument("--tp", type=comma_list(of=int), default=[1],
                        help="tensor parallelism that cuts the shapes, such as 1,2,4")
    parser.add_argument("--dtypes", type=comma_list(["bf16", "fp8"]), default=["bf16"],
                        help="of weights, of bf16, fp8")
    parser.add_argument("--gpus", type=comma_list(of=int), default=[],
                        help="all-reduces of so many GPUs, such as 2,4")
    parser.add_argument("--gpu", default="", help="its name in the table (default: the driver's)")
    parser.add_argument("--repeats", type=int, default=11, help="of which the median counts")
    parser.add_argument("--dry-run", action="store_true", help="shapes only; needs no PyTorch")
    return parser.parse_args(words)


def main(words):
    args = parse_arguments(words)
    rows = plan(args)
    if not args.dry_run:
        measure(rows, args)
        rows = [one for one in rows if one["measured_ms"] != ""]
    out = sys.stdout if args.output == "-" else open(args.output, "w", newline="")
    with out:
        writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main(sys.argv[1:])
