"""Marks that lie in a gradebook and are read when they are asked for: a whole class is never in memory at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import overload

from sqlalchemy import Engine, select

from autograder.records.gradebook import tables as t
from autograder.records.mark import Mark, mark_from_json

_AT_ONCE = 100


class KeptMarks(Sequence[Mark]):
    """The marks with these numbers, in this order."""

    def __init__(self, engine: Engine, ids: Sequence[int]) -> None:
        self._engine, self._ids = engine, ids

    def __len__(self) -> int:
        return len(self._ids)

    @overload
    def __getitem__(self, index: int) -> Mark: ...
    @overload
    def __getitem__(self, index: slice) -> KeptMarks: ...
    def __getitem__(self, index: int | slice) -> Mark | KeptMarks:
        if isinstance(index, slice):
            return KeptMarks(self._engine, self._ids[index])
        return next(iter(KeptMarks(self._engine, [self._ids[index]])))

    def __iter__(self) -> Iterator[Mark]:
        for start in range(0, len(self._ids), _AT_ONCE):
            ids = self._ids[start : start + _AT_ONCE]
            query = select(t.marks.c.id, t.marks.c.document, t.marks.c.elapsed_s).where(t.marks.c.id.in_(set(ids)))
            with self._engine.connect() as connection:
                found = {row.id: row for row in connection.execute(query)}
            for number in ids:
                yield mark_from_json(found[number].document, found[number].elapsed_s)
