"""Draws the losses and the probes of a log.

usage: curves.py log.jsonl OUT.svg
"""
import json
import sys

WIDTH, HEIGHT, LEFT, TOP, PANEL = 760, 560, 60, 30, 210
LOSSES = {"text": "#4878a8", "answer": "#c8553d", "copy": "#7a9e49"}
PROBES = {"one needle": ("one", "#4878a8"), "one of eight": ("eight", "#c8553d"), "chain, resolved": ("chain", "#7a9e49"), "chain, listed": ("list", "#8a6fa8")}


def main():
    with open(sys.argv[1]) as f:
        # Of a run that was resumed the later lines count.
        lines = {(l["tokens"], "probe" in l): l for l in map(json.loads, f)}
    lines = sorted(lines.values(), key=lambda l: l["tokens"])
    losses, probes = [l for l in lines if "probe" not in l], [l for l in lines if "probe" in l]
    most = max(l["tokens"] for l in lines)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">', f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>']
    x = lambda tokens: LEFT + (WIDTH - LEFT - 150) * tokens / most

    def panel(top, title, high, ticks, series):
        y = lambda v: top + PANEL * (1 - min(v, high) / high)
        out.append(f'<text x="{LEFT}" y="{top - 10}" font-weight="bold">{title}</text>')
        for t in ticks:
            out.append(f'<line x1="{LEFT}" x2="{x(most):.0f}" y1="{y(t):.1f}" y2="{y(t):.1f}" stroke="#ddd"/><text x="{LEFT - 8}" y="{y(t) + 4:.1f}" text-anchor="end">{t}</text>')
        for million in range(0, int(most / 1e6) + 1, 2):
            out.append(f'<text x="{x(million * 1e6):.1f}" y="{top + PANEL + 16}" text-anchor="middle">{million} M</text>')
        for i, (name, color, points) in enumerate(series):
            path = " ".join(f"{x(t):.1f},{y(v):.1f}" for t, v in points)
            out.append(f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="1.6"/><text x="{x(most) + 12:.0f}" y="{top + 14 + 18 * i}" fill="{color}">{name}</text>')

    panel(TOP, "loss in nats a token, over tokens read", 6, range(7), [(k, color, [(l["tokens"], l[k]) for l in losses if k in l]) for k, color in LOSSES.items()])
    mean = lambda probe, kind: [v for k, v in probe.items() if k.startswith(kind + "@")]
    panel(
        TOP + PANEL + 60, "share of held-out answers right, mean of 256 to 2048 tokens", 1, (0, 0.25, 0.5, 0.75, 1),
        [(name, color, [(l["tokens"], sum(v) / len(v)) for l in probes if (v := mean(l["probe"], kind))]) for name, (kind, color) in PROBES.items()],
    )
    with open(sys.argv[2], "w") as f:
        f.write("\n".join(out) + "\n</svg>\n")


if __name__ == "__main__":
    main()
