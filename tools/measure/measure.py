#!/usr/bin/env python3
"""Measures the kernels that LLM serving is made of on your GPU: matrix products, attention (decode,
prefill, mixed) and all-reduces. Needs PyTorch with CUDA (or ROCm), nothing else.

    python3 measure.py -o kernels.csv               a few minutes on one GPU
    python3 measure.py -o kernels.csv --gpus 2,4    all-reduces of 2 and of 4 GPUs too
    python3 measure.py --dry-run                    the shapes alone, without a GPU

Until it is complete the table is kernels.csv.partial, with all that has been measured. It goes to
`penstock calibrate kernels.csv FILE`; docs/calibrating.md explains its columns.
"""

import argparse
import csv
import os
import re
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


def heads_of_one_gpu(model, tp):
    """Query heads, kv heads (replicated where they are fewer than the GPUs), head size."""
    _, _, nq, nkv, hd = MODELS[model]
    return nq // tp, max(1, nkv // tp), hd


def is_divided(model, tp):
    _, wide, nq, nkv, _ = MODELS[model]
    return nq % tp == 0 and wide % tp == 0 and (nkv % tp == 0 or tp % nkv == 0)


def plan_gemms(models, tps, dtypes):
    for name in models:
        hidden, wide = MODELS[name][:2]
        for tp in tps:
            nq, nkv, hd = heads_of_one_gpu(name, tp)
            shapes = {"qkv": ((nq + 2 * nkv) * hd, hidden), "o": (hidden, nq * hd),
                      "gate_up": (2 * wide // tp, hidden), "down": (hidden, wide // tp)}
            for sub, (n, k) in shapes.items():
                for dtype in dtypes:
                    for m in TOKENS:
                        yield row("gemm", sub=sub, model=name, tp=tp, dtype=dtype, M=m, N=n, K=k)


def plan_attention(models, tps):
    """Each shape of heads once, whichever models have it."""
    for nq, nkv, hd in sorted({heads_of_one_gpu(m, tp) for m in models for tp in tps}):
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


def median_ms(torch, calls, repeats, before=lambda: None):
    """Time of one call, in a CUDA graph of all of them: without what launching costs."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())  # which may still be filling the tensors
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
        before()
        start.record()
        graph.replay()
        end.record()
        end.synchronize()
        times.append(start.elapsed_time(end) / len(calls))
    return sorted(times[2:])[repeats // 2]


def copies_of(torch, bytes_each):
    """So many that weights, or keys and values, come from memory, as in a model, however small one
    is: together over twice the L2 cache, and twice the 256 MB of AMD's last level, which PyTorch
    does not tell. Thousands of the smallest take a second."""
    cache = getattr(torch.cuda.get_device_properties(0), "L2_cache_size", 0)
    wanted = max(512 * 2**20, 2 * cache) // bytes_each + 1
    return max(1, min(wanted, torch.cuda.mem_get_info()[0] // (2 * bytes_each)))


def gemm_calls(torch, one):
    m, n, k = one["M"], one["N"], one["K"]
    if one["dtype"] == "fp8":
        fp8 = torch.float8_e4m3fn
        scale = torch.ones((), device="cuda")
        a = torch.randn(max(m, 16), k, device="cuda").to(fp8)
        weights = [torch.randn(n, k, device="cuda").to(fp8).t()
                   for _ in range(copies_of(torch, n * k))]
        # Accumulation as in vLLM's CUTLASS kernels; the exact one is much slower on Hopper.
        return [lambda w=w: torch._scaled_mm(a, w, scale_a=scale, scale_b=scale,
                                             out_dtype=torch.bfloat16, use_fast_accum=True)
                for w in weights]
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
    return median_ms(torch, calls, repeats)


def all_reduce_worker(rank, gpus, sizes, repeats, queue):
    import torch
    import torch.distributed as dist
    os.environ.setdefault("MASTER_ADDR", "127.0.0.1")
    os.environ.setdefault("MASTER_PORT", "29533")
    torch.cuda.set_device(rank)
    dist.init_process_group("nccl", rank=rank, world_size=gpus)

    def together():
        dist.barrier()
        torch.cuda.synchronize()

    for size in sizes:
        data = torch.zeros(size // 2, device="cuda", dtype=torch.bfloat16)
        calls = [lambda data=data: dist.all_reduce(data)] * 10
        time_ms = median_ms(torch, calls, repeats, together)
        if rank == 0:
            queue.put(time_ms)
    dist.destroy_process_group()


def measure_all_reduces(rows, repeats):
    """Of one number of GPUs. What was measured before an error stays."""
    import torch.multiprocessing as mp
    queue = mp.get_context("spawn").SimpleQueue()  # a worker that is killed loses nothing of it
    gpus, sizes = rows[0]["tp"], [one["M"] for one in rows]
    workers, ended, done, problem = None, False, 0, ""
    while not ended:
        try:
            workers = workers or mp.spawn(all_reduce_worker, (gpus, sizes, repeats, queue), gpus,
                                          join=False, daemon=True)
            ended = workers.join(timeout=1)
        except Exception as error:  # whatever NCCL, or a process that ends, makes of it
            ended, problem = True, one_line(error)
        while not queue.empty():
            yield {**rows[done], "measured_ms": round(queue.get(), 6)}
            done += 1
    if done < len(rows):
        print(f"left out: all-reduces of {gpus} GPUs, {len(rows) - done} of {len(rows)}: {problem}",
              file=sys.stderr)


def measure_each(torch, rows, repeats):
    skipped = 0
    for done, one in enumerate(rows):
        if done % 50 == 0:
            print(f"{done} of {len(rows)} kernels", file=sys.stderr)
        try:
            torch.cuda.empty_cache()
            with torch.no_grad():
                time_ms = measure_alone(torch, one, repeats)
        except (RuntimeError, AttributeError, TypeError) as error:  # no such kernel, or no memory
            skipped += 1
            if skipped <= 3:
                shape = " ".join(f"{key}={one[key]}" for key in COLUMNS[3:-1] if one[key])
                print(f"left out: {one['op']} {shape}: {one_line(error)}", file=sys.stderr)
            continue
        yield {**one, "measured_ms": round(time_ms, 6)}


def one_line(error):
    """The line that says what went wrong: of a child's traceback, its error."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    errors = [line for line in lines if re.match(r"[\w.]+(Error|Exception): ", line)]
    return (errors + lines + [type(error).__name__])[0][:200]


def load_torch(args):
    """PyTorch, on a machine that has what was asked for."""
    try:
        import torch
    except ImportError:
        sys.exit("measure.py: there is no PyTorch here; --dry-run shows the shapes without it")
    if not torch.cuda.is_available():
        sys.exit("measure.py: PyTorch sees no GPU; --dry-run shows the shapes without one")
    seen = torch.cuda.device_count()
    if max(args.gpus, default=0) > seen:
        sys.exit(f"measure.py: --gpus {max(args.gpus)}, but PyTorch sees {seen} here")
    is_hopper = torch.version.hip is None and torch.cuda.get_device_capability()[0] == 9
    if is_hopper and "attention" in args.ops:
        print("warning: this measures FlashAttention 2, which PyTorch has; on Hopper, engines use "
              "FlashAttention 3.\n  Prefill attention is measured slower than what the engine "
              "gets, and a fit to it is too slow as well;\n  --ops gemm,all_reduce leaves "
              "attention to the catalogue's values", file=sys.stderr)
    return torch


def measure(torch, rows, args):
    """The rows with their times, each as soon as it is measured."""
    name = args.gpu or torch.cuda.get_device_name()
    rows = [{**one, "gpu": name} for one in rows]
    parts = [measure_each(torch, [one for one in rows if one["op"] != "all_reduce"], args.repeats)]
    for gpus in args.gpus:
        group = [one for one in rows if one["op"] == "all_reduce" and one["tp"] == gpus]
        parts.append(measure_all_reduces(group, args.repeats))
    measured = 0
    for part in parts:
        for one in part:
            yield one
            measured += 1
    print(f"{measured} measured, {len(rows) - measured} left out, on {name}", file=sys.stderr)
    if measured == 0:
        sys.exit("measure.py: nothing could be measured")


def write(rows, path):
    """Each row at once. A file is FILE.partial until it is complete, an older FILE stays until
    then; what is no regular file (a pipe) is written as it is."""
    final = os.path.realpath(path)
    is_old = os.path.isfile(final)
    is_file = path != "-" and (is_old or not os.path.exists(final))
    name = 1 if path == "-" else final + ".partial" if is_file else final
    try:
        if is_file and is_old:
            open(final, "a").close()  # may it be replaced?
        with open(name, "w", newline="", closefd=path != "-") as out:
            writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
            writer.writeheader()
            out.flush()
            for one in rows:
                writer.writerow(one)
                out.flush()
        if is_file:
            os.replace(name, final)
    except OSError as error:
        sys.exit(f"measure.py: cannot write {path}: {error.strerror}")
    except KeyboardInterrupt:
        kept = f"; what was measured is in {name}" if is_file else ""
        print(f"measure.py: interrupted{kept}", file=sys.stderr)
        sys.exit(130)


# ---- Command line -------------------------------------------------------------------------------


def whole_number(least):
    def parse(text):
        if not re.fullmatch("[0-9]{1,9}", text) or int(text) < least:
            raise argparse.ArgumentTypeError(f"'{text}' is no whole number from {least} on")
        return int(text)
    return parse


def comma_list(known=None, of=str):
    def parse(text):
        values = [of(part.strip()) for part in text.split(",")]
        unknown = [value for value in values if known and value not in known]
        if unknown:
            raise argparse.ArgumentTypeError(f"{unknown[0]} is none of {', '.join(known)}")
        return list(dict.fromkeys(values))
    return parse


def parse_arguments(words):
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    ops = ["gemm", "attention", "all_reduce"]
    parser.add_argument("-o", "--output", default="-", help="file (default: standard output)")
    parser.add_argument("--ops", type=comma_list(ops), default=ops, help="of " + ", ".join(ops))
    parser.add_argument("--models", type=comma_list(list(MODELS)), default=["llama-3.1-8b"],
                        help="whose shapes, of " + ", ".join(MODELS))
    parser.add_argument("--tp", type=comma_list(of=whole_number(1)), default=[1],
                        help="tensor parallelism that cuts the shapes, such as 1,2,4; one GPU does")
    parser.add_argument("--dtypes", type=comma_list(["bf16", "fp8"]), default=["bf16"],
                        help="of weights, of bf16, fp8")
    parser.add_argument("--gpus", type=comma_list(of=whole_number(2)), default=[],
                        help="all-reduces of so many GPUs of this machine, such as 2,4")
    parser.add_argument("--gpu", default="", help="its name in the table (default: the driver's)")
    parser.add_argument("--repeats", type=whole_number(1), default=11, help="for the median")
    parser.add_argument("--dry-run", action="store_true", help="shapes only; needs no PyTorch")
    args = parser.parse_args(words)
    for model, tp in [(model, tp) for model in args.models for tp in args.tp]:
        if not is_divided(model, tp):
            parser.error(f"argument --tp: {tp} does not divide {model}, {MODELS[model][2]} heads "
                         f"and {MODELS[model][1]} intermediate size")
    if args.gpus and "all_reduce" not in args.ops:
        parser.error("argument --gpus: --ops has no all_reduce")
    if args.ops == ["all_reduce"] and not args.gpus:
        parser.error("argument --ops: all_reduce needs --gpus, such as --gpus 2")
    return args


def main(words):
    args = parse_arguments(words)
    rows = plan(args)
    write(rows if args.dry_run else measure(load_torch(args), rows, args), args.output)


if __name__ == "__main__":
    main(sys.argv[1:])
