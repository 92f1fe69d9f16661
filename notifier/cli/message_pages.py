"""Messages as pages for a browser: one file per mail, and an index with every text on its grid."""

from collections.abc import Sequence
from html import escape
from pathlib import Path

from notifier.messages.gallery import Shown

_HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Messages</title>
<style>
body{max-width:60em;margin:0 auto;padding:16px;font-family:system-ui,sans-serif;line-height:1.5}
pre{font-family:ui-monospace,monospace;width:40ch;border:1px solid;padding:4px;margin:0 0 4px;
white-space:pre-wrap;overflow-wrap:anywhere;word-break:break-all}
iframe{width:360px;height:640px;border:1px solid;background:Canvas}
</style>
</head>
<body>
<h1>Messages</h1>
"""


def write_pages(folder: Path, shown: Sequence[Shown]) -> Path:
    """Write the pages and return the index."""
    folder.mkdir(parents=True, exist_ok=True)
    index = folder / "index.html"
    index.write_text(_HEAD + "\n".join(_entry(folder, number, each) for number, each in enumerate(shown, 1)) + _FOOT)
    return index


_FOOT = "\n</body>\n</html>\n"


def _entry(folder: Path, number: int, shown: Shown) -> str:
    title = f"{shown.locale} {shown.channel}: {shown.kind.replace('_', ' ')}, {shown.service} {shown.impact}"
    head = f"<h2>{escape(title)}</h2>\n<p>{escape(shown.sample)}</p>\n"
    if shown.parts:
        grid = "\n".join(f"<pre>{escape(part)}</pre>" for part in shown.parts)
        return f"{head}{grid}\n<p>{shown.units} of {shown.alphabet}, {len(shown.parts)} segments</p>"
    name = f"{number:04d}-{shown.locale}-{shown.kind}.html"
    (folder / name).write_text(shown.html, encoding="utf-8")
    subject = escape(shown.subject)
    return (
        f'{head}<p><a href="{name}">{subject}</a></p>\n<iframe src="{name}" title="{subject}" loading="lazy"></iframe>'
    )
