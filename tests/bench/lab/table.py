"""Figures of several rounds, as median and range."""

import statistics


def spread(values, digits=1):
    """`median (least-greatest)`, or a dash where nothing was measured."""
    values = [value for value in values if value is not None]
    if not values:
        return "-"
    if len(values) == 1:
        return f"{values[0]:.{digits}f}"
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f}-{max(values):.{digits}f})"


def median(values):
    values = [value for value in values if value is not None]
    return statistics.median(values) if values else None


def show(header, rows):
    """Prints a table that is Markdown and lines up in a terminal."""
    rows = [header] + [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in rows) for column in range(len(header))]
    for number, row in enumerate(rows):
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |")
        if number == 0:
            print("|" + "|".join("-" * (width + 2) for width in widths) + "|")
