"""Cost formulas, written from the constructions' mathematics and apart from the protocols.

- `numbers`: sizes of messages; every function takes ints or symbols.
- `algebra`: `messages`, `sequence`, `together`, `rotated`: costs compose as protocols do.
- `setting`: the ring and the chosen constructions.
- `boolean`, `signs`, `halves`, `truncations`: steps of one third, by role.
- `operations`, `conversions`, `functions`: whole operations, by server.
- `layers`: networks as blocks of spans.
- `catalogue`: the operations by name.
- `symbolic`: how formulas print.

A new operation is a function of a setting and a shape that returns a `Cost`, and an entry of
`catalogue.OPERATIONS` under the name that the microbench gives it (`docs/protocols.md` adds one in a
file of its own):

    def cube(setting: Setting, n: Number) -> Cost:
        '''x³ as two products with truncation. Source: first principles.'''
        return repeated(truncate(setting, n), 2)

    OPERATIONS["cube"] = Formula(cube, "first principles", ("l", "f", "truncation", "rotate"))

A new comparison is an entry of `signs.SIGNS`, a new truncation one of `truncations.TRUNCATIONS`.
"""
