"""What the doctor found, for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from harness.doctor.examine import Examination

Rows = Iterator[tuple[str, str]]
GIB = 2**30


def show(found: Examination, console: Console) -> None:
    """Print the examination: facts in two columns, the A/A test, then what is wrong."""
    facts = found.facts
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in (*machine(facts), *libraries(facts), *steadiness(facts)):
        table.add_row(escape(name), escape(value))
    console.print(table)
    console.print()
    console.print(escape(self_test(facts)))
    for text in found.broken:
        console.print(f"[bold red]broken[/]: {escape(text)}")
    for text in found.warnings:
        console.print(f"[yellow]warning[/]: {escape(text)}")
    if not found.broken and not found.warnings:
        console.print("Nothing is wrong.")


def machine(facts: Mapping[str, Any]) -> Rows:
    """Processor, memory, disk, clock, GPU."""
    around, memory, sync = facts["environment"], facts["memory"], facts["fsync"]
    yield "machine", f"{around['machine']}, {around['os']}"
    limit = facts["cpu_limit"]
    limited = "" if limit is None else f", {limit:g} cores of CPU time allowed by a control group"
    yield "processor", f"{around['cpu']}, {facts['cores']} usable cores of {around['physical_cores']} physical{limited}"
    if facts["caches"]:
        yield "caches", ", ".join(f"{name} {size}" for name, size in facts["caches"].items())
    swap = (
        f"swap {memory['swap_used'] / GIB:.1f} of {memory['swap'] / GIB:.1f} GiB used" if memory["swap"] else "no swap"
    )
    yield "memory", f"{memory['ram'] / GIB:.1f} GiB, {memory['available'] / GIB:.1f} GiB available; {swap}"
    yield "governor", ", ".join(facts["governors"]) or "not readable"
    heat = facts["throttling"]
    yield "heat", "not readable" if heat is None else _heat(heat)
    yield "clock", f"{facts['clock_source'] or 'unknown'}, steps of {facts['timer_resolution_s'] * 1e9:.0f} ns"
    yield (
        "disk",
        f"4 KiB safe after {sync['median_s'] * 1e3:.1f} ms (longest {sync['longest_s'] * 1e3:.1f}) in {sync['folder']}",
    )
    cards = [f"{card['name']}, {card['memory_bytes'] / GIB:.0f} GiB" for card in around["gpu"]]
    yield "GPU", "; ".join(cards) or "none"
    if facts["gpu_processes"] is not None:
        yield "GPU processes", str(facts["gpu_processes"])
    sources = [source for source in facts["energy"].values() if source]
    yield "energy counters", ", ".join(dict.fromkeys(sources)) or "none"


def _heat(heat: Mapping[str, Any]) -> str:
    parts = [] if heat["events"] is None else [f"{heat['events']} times slowed down for heat since the system began"]
    if heat["mhz"] is not None:
        most = f" of {heat['highest_mhz']:.0f}" if heat["highest_mhz"] else ""
        parts.append(f"{heat['mhz']:.0f}{most} MHz now")
    return ", ".join(parts)


def libraries(facts: Mapping[str, Any]) -> Rows:
    """Versions, BLAS with threads, backends with the devices they see."""
    around = facts["environment"]
    names = [name for name in around["versions"] if name not in ("tensorflow", "jax", "torch", "keras")]
    yield (
        "libraries",
        f"Python {around['python']}, " + ", ".join(f"{name} {around['versions'][name]}" for name in names),
    )
    pools = [
        f"{pool['internal_api']} {pool['version'] or ''}".strip() + f" with {pool['num_threads']} threads"
        for pool in around["blas"]
    ]
    yield "thread pools", "; ".join(pools) or "none found"
    for backend in facts["backends"]:
        if backend["error"]:
            state = f"cannot be imported: {backend['error']}"
        elif backend["installed"]:
            state = f"{backend['version']}, sees {', '.join(backend['devices'])}"
        else:
            state = "not installed"
        yield backend["name"], state


def steadiness(facts: Mapping[str, Any]) -> Rows:
    """Load, the calibration kernel, how limits are enforced, what tracking costs."""
    quiet, cost, test = facts["quiet"], facts["tracking"], facts["aa_test"]
    busy = "not counted" if quiet["busy"] is None else f"{quiet['busy']:.2f} cores"
    load = "" if quiet["load"] is None else f", load {quiet['load']:.2f}"
    yield "others", f"{busy} busy without us{load}"
    calls = sorted(quiet["calibration_s"])
    yield (
        "calibration",
        f"{calls[len(calls) // 2] * 1e3:.1f} ms (best {calls[0] * 1e3:.1f}, slowest {calls[-1] * 1e3:.1f}: "
        f"{quiet['spread']:.2f} times the median)",
    )
    if test:
        yield "memory limits", f"{test['memory_limit_method'] or 'none'}; peaks by {test['memory_method'] or 'nothing'}"
    yield (
        "tracking",
        f"{cost['percent']:+.2f}% (95% {cost['low']:+.2f} to {cost['high']:+.2f}) of the CPU time of a fit of "
        f"{cost['fit_s']:.2f} s, {cost['pairs']} pairs; a phase in which nothing is done takes "
        f"{cost['empty_phase_s'] * 1e3:.2f} ms",
    )


def self_test(facts: Mapping[str, Any]) -> str:
    """The A/A test in sentences."""
    test = facts["aa_test"]
    if not test:
        return "A/A test: not completed"
    lines = [f"A/A test, one pipeline against itself, {test['pairs']} pairs:"]
    for name in ("fit", "predict"):
        phase = test[name]
        value, low, high = phase["ratio"]
        judged = "DIFFERENT, a false alarm" if phase["different"] else "not different, as it should be"
        fewer = ", ".join(f"{share:.0%} with {count}" for count, share in phase["by_pairs"].items())
        needed = "; ".join(
            f"{share:.0%} needs {f'{count:,}' if count else 'more than 10,000'}"
            for share, count in phase["pairs_needed"].items()
        )
        lines += [
            f"  {name} {phase['seconds']:.3g} s: B / A {value:.3f} (95% {low:.3f} to {high:.3f}), {judged}",
            f"    smallest difference resolved: {phase['resolvable']:.1%}; {fewer} pairs ({needed} pairs)",
        ]
    lines.append(
        "  (found by a two-sided paired t test at 95% in 4 of 5 cases: (t.975 + t.8) sd / sqrt(pairs), Bloom 1995)"
    )
    return "\n".join(lines)
