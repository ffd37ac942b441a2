"""Names that a string can hold and that readers of names trip over, and trees of spans called by them."""

import random

ODD = (
    "", " ", "a/b", "/", "a/", "/b", "\\", r"\e", r"a\/b", "[relu]", "[/]", "[bold red]", ":smile:",
    r"$x_1^{$", "$", "a$b$", r"\$", "_hidden", "a\nb", "\r\n", "\t", "\x00", "\x1b[31m", "\x7f",
    "n" * 10_000, "\ud800", "\udfff\ud800", "\ud83d\ude00", "😀", "שלום עולם", "\u202eabc",
    "<script>alert(1)</script>", "</script>", "&lt;", "<br>", "%{y}", "%%data%%", "1", "nan", "NaN",
    "None", "1e400", "-1", "true", "[a]", 'x = "y"', "a.b", "a,b", '"', "'", "%", "&", "{}", "{0}", "~",
    "^", "#", "a#1", "|", "`", "\ufffe", "\u2028", "a (rest)", "outside all spans", "1 others, together",
    "*",
)  # fmt: skip


def tree(seed, names=ODD, most=9):
    """Return a random tree of spans, [(name, bytes, children)]; names repeat on all levels."""
    draw = random.Random(seed)
    chosen = ["a", "b", *draw.sample(names, 4)]
    left = [most]

    def level(depth):
        found = []
        for _ in range(draw.randint(1, 3)):
            if left[0] == 0:
                break
            left[0] -= 1
            children = level(depth + 1) if depth < 4 and draw.random() < 0.6 else []
            found.append([draw.choice(chosen), draw.choice([0, 1, 700, 4000]), children])
        return found

    return level(0)


def flat(names):
    """Return a tree in which every name stands alone, and inside one span, and around one."""
    return [[name, 10 + place, [["in", 1, [[name, 2, []]]]]] for place, name in enumerate(names)]


def costs(spans, parties=3):
    """Return (times entered, rounds, payload bytes) of each path of a tree, in order of being entered."""
    found = {}

    def visit(spans, around):
        rounds, size = 0, 0
        for name, sent, children in spans:
            name = name.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
            path = (*around, name)
            before = found.setdefault(path, (0, 0, 0))
            inner_rounds, inner_size = visit(children, path)
            own = (1 if sent else 0) + inner_rounds, parties * sent + inner_size
            before = found[path]
            found[path] = (before[0] + 1, before[1] + own[0], before[2] + own[1])
            rounds, size = rounds + own[0], size + own[1]
        return rounds, size

    visit(spans, ())
    return found
