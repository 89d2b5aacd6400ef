"""The best edges of cells of a free topology: every vertex on a path, within limits, exactly.

A cell of n vertices needs an edge into every vertex but the first and one out of every vertex but the
last (its edges go upwards, so each vertex is then on a path from the first to the last), at most so many
into one vertex and at most so many in all. The set of edges of the greatest total log-odds is a flow of
maximum profit: from a source through each vertex as a sender, along the edge, through its target as a
receiver, into a sink. A sender must pass on one unit at least, a receiver one at least and ``in_degree`` (an output
``into_output``) at most, the source ``edges`` at most. Inputs do not receive, outputs do not send.
So shortest augmenting paths solve it (Ahuja, Magnanti and Orlin,
"Network Flows", 1993, chapter 9):

1. Each receiver takes its best edge, and what room there is goes to the best other edges of positive log-odds. This is
   optimal as long as senders are ignored.
2. Each sender without an edge gets one, by the cheapest chain of exchanges: it takes an edge, the edge's
   target gives another of its edges up, that one's sender takes another, and so on; or, where the target keeps all
   it has and there are enough edges already, another receiver gives one up.

After each chain the edges are optimal for the constraints taken up so far. All cells go through this
together, a row of the arrays for each pair of vertices.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from arch2vec.spaces.declared.limits import TopologyLimits

_UNIT = 2.0**-24  # log-odds are rounded to multiples of this, so that sums of them are exact
_ARC = 2.0**-30  # added for each step of a chain: of equally good ones the shortest is made, and none goes in circles
_CHUNK = 4096  # cells at a time, for the sake of memory


def best_edges(logits: NDArray[np.floating], counts: NDArray[np.integer], limits: TopologyLimits) -> NDArray[np.bool_]:
    """(N, V, V) the edges of the greatest total log-odds with which each graph's vertices are a cell.

    Args:
        logits: (N, V, V) log-odds of edges, of which the strict upper triangle counts, of
            magnitude 1e5 at most.
        counts: (N,) how many vertices each cell has, of which there must be cells.
        limits: how many vertices and edges cells may have.
    """
    n, v = logits.shape[:2]
    edges = np.zeros((n, v, v), dtype=np.bool_)
    upper = np.triu(np.ones((v - 1, v - 1), dtype=np.bool_))[:, :, None]
    for start in range(0, n, _CHUNK):
        part = slice(start, start + _CHUNK)
        # Sender i is vertex i, receiver j vertex j + 1. Cells come last: a pair's numbers are side by side.
        worth = np.round(logits[part, :-1, 1:].transpose(1, 2, 0).astype(np.float64) / _UNIT) * _UNIT
        vertex = np.arange(1, v)[:, None]
        receivers = (vertex < counts[part]) & (vertex >= limits.inputs)
        senders = vertex - 1 < counts[part] - limits.outputs
        worth = np.ascontiguousarray(np.where(upper & receivers & senders[:, None], worth, -np.inf))
        most = np.where(vertex < counts[part] - limits.outputs, limits.in_degree, limits.into_output)
        exchanges = _Exchanges(worth, _best_of_receivers(worth, receivers, most, limits), most, limits)
        while len(rows := np.flatnonzero((senders & (exchanges.sent == 0)).any(axis=0))):
            idle = senders.take(rows, axis=1) & (exchanges.sent.take(rows, axis=1) == 0)
            exchanges.employ(rows, idle.argmax(axis=0))
        edges[part, :-1, 1:] = exchanges.taken.transpose(2, 0, 1)
    return edges


def _best_of_receivers(
    worth: NDArray[np.float64], receivers: NDArray[np.bool_], most: NDArray[np.integer], limits: TopologyLimits
) -> NDArray[np.bool_]:
    """(V - 1, V - 1, N) the edges of the greatest worth with which every receiver has one, senders ignored.

    Args:
        worth: of the edges.
        receivers: (V - 1, N) which there are.
        most: (V - 1, N) edges that each may have.
        limits: of cells.
    """
    size, _, n = worth.shape
    taken = np.zeros(worth.shape, dtype=np.bool_)
    best, without = worth.max(axis=0), receivers
    for sender in range(size):
        taken[sender] = without & (worth[sender] == best)
        without = without & ~taken[sender]
    others = (worth > 0) & ~taken
    if min(limits.in_degree, limits.into_output) < size:
        order = np.argsort(-worth, axis=0, kind="stable")
        others &= order.argsort(axis=0, kind="stable") < most
    room = limits.edges - receivers.sum(axis=0, dtype=np.int16)
    full = np.flatnonzero(others.reshape(size * size, n).sum(axis=0, dtype=np.int16) > room)
    keys = np.where(others.take(full, axis=2), -worth.take(full, axis=2), np.inf).reshape(size * size, -1)
    order = keys.argsort(axis=0, kind="stable")
    kept = np.zeros(keys.shape, dtype=np.bool_)
    np.put_along_axis(kept, order, np.arange(size * size)[:, None] < room[full], axis=0)
    others[:, :, full] &= kept.reshape(size, size, -1)
    return taken | others


class _Exchanges:
    """The edges taken so far.

    Attributes:
        worth: (V - 1, V - 1, N) log-odds of the edge from a sender to a receiver, minus infinity for none.
        taken: (V - 1, V - 1, N) whether it is taken.
        sent: (V - 1, N) the number of each sender's edges.
        received: (V - 1, N) that of each receiver's.
        number: (N,) that of all.
    """

    def __init__(
        self, worth: NDArray[np.float64], taken: NDArray[np.bool_], most: NDArray[np.integer], limits: TopologyLimits
    ) -> None:
        self.worth, self.taken, self._most, self._limits = worth, taken, most, limits
        self.sent, self.received = taken.sum(axis=1, dtype=np.int16), taken.sum(axis=0, dtype=np.int16)
        self.number = self.sent.sum(axis=0)
        self._changed = np.zeros(len(self.number), dtype=np.bool_)

    def employ(self, rows: NDArray[np.intp], senders: NDArray[np.intp]) -> None:
        """Give one sender without an edge, in each of some cells, an edge, by the cheapest chain of exchanges."""
        from_sender, from_receiver, from_sink = self._distances(rows, senders)
        column = np.arange(len(rows))
        self._changed[rows] = True
        self.sent[senders, rows] += 1
        while len(rows):
            # The sender takes another edge,
            take = np.where(self.taken[senders, :, rows], np.inf, _ARC - self.worth[senders, :, rows])
            receivers = (take + from_receiver[:, column].T).argmin(axis=1)
            self.taken[senders, receivers, rows] = True
            # which its receiver gets besides its others,
            spare = self.received[receivers, rows] < self._most[receivers, rows]
            beside = spare & (from_receiver[receivers, column] == _ARC + from_sink[column])
            self.received[receivers[beside], rows[beside]] += 1
            ended = beside & (from_sink[column] == 0)
            self.number[rows[ended]] += 1
            rows, column, receivers, senders, beside = (
                part[~ended] for part in (rows, column, receivers, senders, beside)
            )
            # if need be with another receiver giving one up,
            moved = np.flatnonzero(beside)
            can_give = self.received.take(rows[moved], axis=1) > 1
            receivers[moved] = np.where(can_give, from_receiver.take(column[moved], axis=1), np.inf).argmin(axis=0)
            self.received[receivers[moved], rows[moved]] -= 1
            # or instead of one of them.
            drop = np.where(self.taken[:, receivers, rows], _ARC + self.worth[:, receivers, rows], np.inf)
            instead = np.flatnonzero(~beside)
            drop[senders[instead], instead] = np.inf
            senders = (drop + from_sender.take(column, axis=1)).argmin(axis=0)
            self.taken[senders, receivers, rows] = False
            ended = from_sender[senders, column] == 0
            self.sent[senders[ended], rows[ended]] -= 1
            rows, column, senders = rows[~ended], column[~ended], senders[~ended]

    def _distances(
        self, rows: NDArray[np.intp], starts: NDArray[np.intp]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """What the cheapest chain of exchanges costs that goes on from each sender, each receiver and the sink.

        A chain ends at a sender that has more than one edge, or at the sink while there is room for more edges.
        They are found by the method of Bellman and Ford, in most cells without repeating its step: as long as
        no sender has been given an edge, the edges are optimal even if every sender may give up its last one, so
        that no chain gains by going on from a sender; where one costs as little as if they all might, it is the
        cheapest.
        """
        # Unlike an index, take leaves cells side by side in memory, and what follows is several times as fast.
        taken, worth = self.taken.take(rows, axis=2), self.worth.take(rows, axis=2)
        drop = np.where(taken, _ARC + worth, np.inf)
        spare = np.where(self.received.take(rows, axis=1) < self._most.take(rows, axis=1), _ARC, np.inf)
        give = np.where(self.received.take(rows, axis=1) > 1, _ARC, np.inf)
        room = np.where(self.number[rows] < self._limits.edges, 0.0, np.inf)
        ends = np.where(self.sent.take(rows, axis=1) > 1, 0.0, np.inf)

        def step(sender: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
            """From receivers and the sink, given what chains cost that go on from senders."""
            receiver = (drop + sender[:, None]).min(axis=0)
            sink = np.minimum(room, (give + receiver).min(axis=0))
            return np.minimum(receiver, spare + sink), sink

        sender = ends.copy()
        receiver, sink = step(ends)
        least, _ = step(np.zeros_like(ends))
        column = np.arange(len(rows))
        take = np.where(taken[starts, :, column], np.inf, _ARC - worth[starts, :, column]).T
        cells = np.flatnonzero(((take + receiver).min(axis=0) > (take + least).min(axis=0)) | self._changed[rows])
        if len(cells):
            drop, ends, give, spare, room = (part.take(cells, axis=-1) for part in (drop, ends, give, spare, room))
            take = np.where(taken.take(cells, axis=2), np.inf, _ARC - worth.take(cells, axis=2))
            now, before = np.minimum(ends, (take + receiver.take(cells, axis=1)).min(axis=1)), ends
            while not (now == before).all():
                receiver[:, cells], sink[cells] = step(now)
                now, before = np.minimum(ends, (take + receiver.take(cells, axis=1)).min(axis=1)), now
            sender[:, cells] = now
        return sender, receiver, sink
