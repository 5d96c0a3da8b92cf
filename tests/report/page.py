"""A strict reader of a page: every tag closed, in order, as a tree."""

from html.parser import HTMLParser

VOID = {"meta", "link", "br", "img", "hr", "input", "wbr"}


class Page(HTMLParser):
    """Reads a page; `elements` are (tag, attributes, text) in order of their beginning."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.stack = []
        self.elements = []
        self.feed(text)
        self.close()
        assert not self.stack, f"never closed: {[element[0] for element in self.stack]}"

    def handle_starttag(self, tag, attrs):
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"<{tag}> says {names} twice"
        element = [tag, dict(attrs), ""]
        self.elements.append(element)
        if tag not in VOID:
            self.stack.append(element)

    def handle_startendtag(self, tag, attrs):
        self.elements.append([tag, dict(attrs), ""])

    def handle_endtag(self, tag):
        assert self.stack, f"</{tag}> without a beginning"
        assert self.stack[-1][0] == tag, f"</{tag}> closes <{self.stack[-1][0]}>"
        self.stack.pop()
        if tag in ("td", "th", "dt", "dd", "li", "p", "span"):
            self.handle_data(" ")

    def handle_data(self, data):
        for element in self.stack:
            element[2] += data

    def all(self, tag, **attrs):
        """The elements of a tag with these attributes."""
        wanted = {name.rstrip("_"): value for name, value in attrs.items()}
        return [e for e in self.elements if e[0] == tag and wanted.items() <= e[1].items()]

    def text(self, tag="body"):
        """The text of the first element of a tag, blanks made one."""
        return " ".join(self.all(tag)[0][2].split())
