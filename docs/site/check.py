"""Check a site that was built: it loads nothing from elsewhere, and every link within it leads somewhere.

Sphinx checks the links of pages in Markdown; this looks at what came out, templates and API pages included.
"""

import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "video": "src", "link": "href"}
NOT_LOADED = {"canonical", "search", "index", "next", "prev", "author", "copyright"}  # values of rel


class Page(HTMLParser):
    """What a page loads, what it links to, and the anchors that it has."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.anchors: set[str] = {"", "top"}
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note one element."""
        values = {name: value or "" for name, value in attrs}
        self.anchors.update(values[name] for name in ("id", "name") if name in values)
        target = values.get(LOADED.get(tag, ""))
        if target and values.get("rel") not in NOT_LOADED:
            self.loads.append(target)
        elif tag == "a" and values.get("href"):
            self.links.append(values["href"])


def faults(site: Path) -> Iterator[str]:
    """Yield a line for each thing that is wrong."""
    pages = {path.resolve(): Page(path) for path in sorted(site.rglob("*.html"))}
    for path, page in pages.items():
        name = path.relative_to(site.resolve())
        for target in page.loads:
            if urlsplit(target).netloc:
                yield f"{name}: loads {target}"
        for target in [*page.loads, *page.links]:
            parts = urlsplit(target)
            if parts.scheme or parts.netloc:
                continue
            aim = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not aim.exists():
                yield f"{name}: {target} is missing"
            elif aim in pages and unquote(parts.fragment) not in pages[aim].anchors:
                yield f"{name}: {target} has no such anchor"
    for sheet in sorted(site.rglob("*.css")):
        text = sheet.read_text(encoding="utf-8")
        if "url(http" in text.replace('"', "").replace("'", "") or "@import" in text:
            yield f"{sheet.relative_to(site)}: loads from elsewhere"


def main() -> None:
    """Check the folder that is named; print what is wrong, and end with status 1 if anything is."""
    found = list(faults(Path(sys.argv[1])))
    print("\n".join(found), file=sys.stderr, end="\n" if found else "")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
