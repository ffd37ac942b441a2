"""Steps of products of polynomials by fixed formulas, written as LLVM: sums stay in registers.

A formula is a list of rows, each the sum or the difference of two earlier ones. Rows are runs of words in
flat arrays, one after the other.
"""

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

LANES = 8
"""Words of a vector of the machine."""

_WORD = ir.IntType(64)
_VECTOR = ir.VectorType(_WORD, LANES)


def _array(context: Any, builder: Any, signature: Any, arguments: Any, place: int) -> Any:
    """Return the address in an array, whose place is the next argument."""
    data = context.make_array(signature.args[place])(context, builder, arguments[place]).data
    return builder.gep(data, [arguments[place + 1]])


def _at(builder: Any, pointer: Any, words: Any) -> Any:
    place = words if isinstance(words, ir.Value) else _WORD(words)
    return builder.bitcast(builder.gep(pointer, [place]), _VECTOR.as_pointer())


def _load(builder: Any, pointer: Any, words: Any) -> Any:
    loaded = builder.load(_at(builder, pointer, words))
    loaded.align = 8
    return loaded


def _store(builder: Any, value: Any, pointer: Any, words: Any) -> None:
    builder.store(value, _at(builder, pointer, words)).align = 8


def _repeat(builder: Any, times: Any, carried: Sequence[Any], body: Callable[[Any, list[Any]], Any]) -> Any:
    """Emit a loop of at least one turn; the body takes its number and what is carried, and returns that."""
    entry, loop, end = builder.block, builder.append_basic_block(), builder.append_basic_block()
    builder.branch(loop)
    builder.position_at_end(loop)
    turn = builder.phi(_WORD)
    held = [builder.phi(one.type) for one in carried]
    after = body(turn, held)
    following = builder.add(turn, _WORD(1))
    for phi, first, later in zip([turn, *held], [_WORD(0), *carried], [following, *after], strict=True):
        phi.add_incoming(first, entry)
        phi.add_incoming(later, builder.block)
    builder.cbranch(builder.icmp_signed("<", following, times), loop, end)
    builder.position_at_end(end)
    return after


def _summed(builder: Any, rows: list[Any], sums: Sequence[tuple[int, int]]) -> list[Any]:
    for first, second in sums:
        rows.append(builder.add(rows[first], rows[second]))
    return rows


def polynomial_sums(length: int, terms: int, sums: tuple[tuple[int, int], ...]) -> Any:
    """Build ``step(out, o, a, i)``: rows at o are the `terms` rows at i, and after them their sums."""

    @intrinsic
    def step(_: Any, out: Any, o: Any, a: Any, i: Any) -> Any:
        def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            out, a = (_array(context, builder, signature, arguments, place) for place in (0, 2))
            for half in range(0, length, LANES):
                rows = [_load(builder, a, row * length + half) for row in range(terms)]
                for place, row in enumerate(_summed(builder, rows, sums)):
                    _store(builder, row, out, place * length + half)
            return context.get_dummy_value()

        return types.void(out, types.intp, a, types.intp), emit

    return step


def polynomial_multiples(
    length: int,
    terms: int,
    sums: tuple[tuple[int, int], ...],
    recover: tuple[tuple[int, int, int], ...],
    places: tuple[int, ...],
) -> Any:
    """Build ``step(out, o, o_row, a, i, a_part, factors, f, f_part, parts)``.

    It writes Σ_b f_b · a_b, for b < parts (≥ 1): polynomials of `terms` rows at i + b · a_part, of which
    each has factors of all its rows and sums at f + b · f_part. Row r of the result goes to o + r · o_row.
    """

    @intrinsic
    def step(
        _: Any, out: Any, o: Any, o_row: Any, a: Any, i: Any, a_part: Any,
        factors: Any, f: Any, f_part: Any, parts: Any,
    ) -> Any:  # fmt: skip
        def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            out, a, factors = (_array(context, builder, signature, arguments, place) for place in (0, 3, 6))
            o_row, a_part, f_part, parts = (arguments[place] for place in (2, 5, 8, 9))
            undefined = ir.Constant(_VECTOR, ir.Undefined)
            everywhere = ir.Constant(ir.VectorType(ir.IntType(32), LANES), None)
            for half in range(0, length, LANES):

                def added(turn: Any, totals: list[Any], half: int = half) -> list[Any]:
                    part = builder.gep(a, [builder.mul(turn, a_part)])
                    some = builder.gep(factors, [builder.mul(turn, f_part)])
                    rows = [_load(builder, part, row * length + half) for row in range(terms)]
                    found = []
                    for place, row in enumerate(_summed(builder, rows, sums)):
                        word = builder.load(builder.gep(some, [_WORD(place)]))
                        first = builder.insert_element(undefined, word, ir.IntType(32)(0))
                        factor = builder.shuffle_vector(first, undefined, everywhere)
                        found.append(builder.add(totals[place], builder.mul(row, factor)))
                    return found

                none = [ir.Constant(_VECTOR, None)] * (terms + len(sums))
                rows = list(_repeat(builder, parts, none, added))
                for x, y, sign in recover:
                    rows.append((builder.add if sign > 0 else builder.sub)(rows[x], rows[y]))
                for place, row in enumerate(places):
                    to = builder.gep(out, [builder.mul(o_row, _WORD(place))])
                    _store(builder, rows[row], to, half)
            return context.get_dummy_value()

        size = types.intp
        return types.void(out, size, size, a, size, size, factors, size, size, size), emit

    return step


def pair_products(length: int) -> Any:
    """Build ``step(out, o, u, i, v, j, stride, count)`` over runs of `length` words.

    With u_c the run at i + c · stride, and v_c alike, it adds u_0 v_0, and for 1 ≤ c < count
    (u_0 + u_c)(v_0 + v_c), each over every eighth word, to eight words of out at o + 8c.
    """

    @intrinsic
    def step(_: Any, out: Any, o: Any, u: Any, i: Any, v: Any, j: Any, stride: Any, count: Any) -> Any:
        def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            out, u, v = (_array(context, builder, signature, arguments, place) for place in (0, 2, 4))
            stride, count = arguments[6:]
            halves = range(0, length, LANES)
            first = [(_load(builder, u, half), _load(builder, v, half)) for half in halves]

            def add(place: Any, products: list[Any]) -> None:
                total = _load(builder, out, place)
                for x, y in products:
                    total = builder.add(total, builder.mul(x, y))
                _store(builder, total, out, place)

            def other(turn: Any, _carried: list[Any]) -> list[Any]:
                place = builder.add(turn, _WORD(1))
                x, y = (builder.gep(one, [builder.mul(place, stride)]) for one in (u, v))
                both = [
                    (
                        builder.add(own[0], _load(builder, x, half)),
                        builder.add(own[1], _load(builder, y, half)),
                    )
                    for own, half in zip(first, halves, strict=True)
                ]
                add(builder.mul(place, _WORD(LANES)), both)
                return []

            add(0, first)
            with builder.if_then(builder.icmp_signed(">", count, _WORD(1))):
                _repeat(builder, builder.sub(count, _WORD(1)), [], other)
            return context.get_dummy_value()

        size = types.intp
        return types.void(out, size, u, size, v, size, size, size), emit

    return step


def chosen_products(terms: int, bits: bool, more: bool) -> Any:
    """Build ``step(out, o, o_row, a, i, a_row, a_step, b, j, b_row, b_step, count)``, of eight elements.

    Polynomials of `terms` coefficients, rows of eight words b_row apart, are multiplied by others whose
    coefficients are 0 and 1: with `bits` words of lanes too, a_row apart (∧ and ⊕), else bytes that have a
    bit for each of the eight. It writes (with `more`: adds) to 2 · terms − 1 rows, o_row apart, the sum of
    the products of a at i + t · a_step and b at j − t · b_step, for t < count (≥ 1).
    """

    @intrinsic
    def step(
        _: Any, out: Any, o: Any, o_row: Any, a: Any, i: Any, a_row: Any, a_step: Any,
        b: Any, j: Any, b_row: Any, b_step: Any, count: Any,
    ) -> Any:  # fmt: skip
        def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            out, a, b = (_array(context, builder, signature, arguments, place) for place in (0, 3, 7))
            o_row, a_row, a_step, b_row, b_step, count = (
                arguments[place] for place in (2, 5, 6, 9, 10, 11)
            )

            def rows(pointer: Any, apart: Any, number: int) -> list[Any]:
                return [builder.gep(pointer, [builder.mul(apart, _WORD(k))]) for k in range(number)]

            def chosen(pointer: Any) -> Any:
                if bits:
                    return _load(builder, pointer, 0)
                return builder.bitcast(builder.load(pointer), ir.VectorType(ir.IntType(1), LANES))

            def added(turn: Any, totals: list[Any]) -> list[Any]:
                first = builder.gep(a, [builder.mul(turn, a_step)])
                second = builder.gep(b, [builder.neg(builder.mul(turn, b_step))])
                choices = [chosen(row) for row in rows(first, a_row, terms)]
                words = [_load(builder, row, 0) for row in rows(second, b_row, terms)]
                found = list(totals)
                for m, choice in enumerate(choices):
                    for k, word in enumerate(words):
                        if bits:
                            found[m + k] = builder.xor(found[m + k], builder.and_(choice, word))
                        else:
                            both = builder.add(found[m + k], word)
                            found[m + k] = builder.select(choice, both, found[m + k])
                return found

            to = rows(out, o_row, 2 * terms - 1)
            none = ir.Constant(_VECTOR, None)
            before = [_load(builder, row, 0) if more else none for row in to]
            for row, total in zip(to, _repeat(builder, count, before, added), strict=True):
                _store(builder, total, row, 0)
            return context.get_dummy_value()

        size = types.intp
        arrays = types.void(out, size, size, a, size, size, size, b, size, size, size, size)
        return arrays, emit

    return step
