"""docs/scaling.svg: workers at work over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

_COLOURS = ("#0067a8", "#c44e00", "#00785a")
_LEFT, _TOP, _WIDTH, _HEIGHT = 60.0, 70.0, 640.0, 220.0


def figure(busy: Mapping[str, Sequence[tuple[float, int]]], workers: int) -> str:
    """Workers at work over time, a line an order."""
    last = max(at for points in busy.values() for at, _ in points)
    bottom = _TOP + _HEIGHT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_LEFT + _WIDTH + 30:g} {bottom + 50:g}" role="img" '
        'font-family="system-ui, sans-serif" font-size="12" fill="#1b1f23">',
        "<title>Workers at work over time</title>",
        '<rect width="100%" height="100%" fill="#ffffff"/><text x="12" y="22" font-size="15" font-weight="600">'
        f"Workers at work of {workers}, all trainings on CIFAR-10, estimates right</text>",
    ]
    for count in range(0, workers + 1, 16):
        y = bottom - _HEIGHT * count / workers
        parts.append(f'<line x1="{_LEFT:g}" y1="{y:.1f}" x2="{_LEFT + _WIDTH:g}" y2="{y:.1f}" stroke="#e1e5e9"/>')
        parts.append(f'<text x="{_LEFT - 8:g}" y="{y + 4:.1f}" text-anchor="end">{count}</text>')
    for hours in range(0, int(last) + 1, 24):
        x = _LEFT + _WIDTH * hours / last
        parts.append(f'<text x="{x:.1f}" y="{bottom + 18:g}" text-anchor="middle">{hours}</text>')
    parts.append(f'<text x="{_LEFT + _WIDTH:g}" y="{bottom + 38:g}" text-anchor="end">hours</text>')
    for place, ((name, points), colour) in enumerate(zip(busy.items(), _COLOURS, strict=True)):
        path = " ".join(
            f"{_LEFT + _WIDTH * at / last:.1f},{bottom - _HEIGHT * count / workers:.1f}" for at, count in points
        )
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        x = 20 + 220 * place
        parts.append(
            f'<line x1="{x}" y1="45" x2="{x + 18}" y2="45" stroke="{colour}" stroke-width="3"/>'
            f'<text x="{x + 24}" y="49">{name.split(",")[0]}</text>'
        )
    return "\n".join([*parts, "</svg>"]) + "\n"
