"""The stage graph as DVC has it, and what is out of date in it.

DVC is asked in a process of its own, in the workspace: its Python interface follows the current directory and
does not keep threads apart. `python flows/pipeline/graph.py TARGET...` prints what `read` parses.
"""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Node:
    """A stage of dvc.yaml, or a `.dvc` file.

    Attributes:
        name: as DVC addresses it: `extract`, `data/sunnybrook.dvc`.
        needs: the names of the nodes whose outs it reads.
        stale: whether DVC finds it changed, as the workspace is now.
        runs: whether it has a command; a `.dvc` file has none.
        gpu: whether it is for a GPU worker, where there are any (`meta: {gpu: true}` in dvc.yaml).
        timeout: seconds that it may take (`meta: {timeout_minutes: ...}`), or None.
    """

    name: str
    needs: tuple[str, ...]
    stale: bool
    runs: bool
    gpu: bool = False
    timeout: float | None = None


class GraphError(Exception):
    """DVC cannot read the pipeline, or a target is not in it; the message is DVC's."""


def read(workspace: Path, targets: Sequence[str], environment: Mapping[str, str]) -> list[Node]:
    """Return the targets and all that they need, each after its needs.

    Args:
        workspace: the folder that holds dvc.yaml.
        targets: stages and `.dvc` files, as DVC addresses them.
        environment: the variables that DVC runs with, all of them.

    Raises:
        GraphError: DVC refuses, in its own words.
    """
    # -P, or the folder of this file would come first on the path, where its modules hide libraries.
    command = [sys.executable, "-P", str(Path(__file__).resolve()), *targets]
    done = subprocess.run(command, cwd=workspace, env=environment, capture_output=True, text=True)
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise GraphError(said[-1] if said else f"DVC ended with status {done.returncode}")
    return [_node(facts) for facts in json.loads(done.stdout)]


def _node(facts: dict[str, Any]) -> Node:
    """Return the node that an entry of the other process describes; `facts` loses its `meta`."""
    meta = facts.pop("meta")
    minutes = meta.get("timeout_minutes")
    return Node(
        **{**facts, "needs": tuple(facts["needs"])},
        gpu=bool(meta.get("gpu")),
        timeout=None if minutes is None else 60.0 * minutes,
    )


def _describe(targets: list[str]) -> list[dict[str, Any]]:
    """Ask DVC in the current directory for the targets and what they need, as `Node` has it."""
    import networkx as nx
    from dvc.repo import Repo

    with Repo() as repo:
        graph = repo.index.graph  # an edge leads from a stage to one that it needs
        wanted = [stage for target in targets for stage in repo.stage.collect(target)]
        needed = set(wanted).union(*(nx.descendants(graph, stage) for stage in wanted))
        ordered = nx.lexicographical_topological_sort(
            graph.subgraph(needed).reverse(), key=lambda stage: stage.addressing
        )
        changed = repo.status(targets=targets, with_deps=True)
        return [
            {
                "name": stage.addressing,
                "needs": sorted(other.addressing for other in graph.successors(stage)),
                "stale": stage.addressing in changed,
                "runs": bool(stage.cmd),
                "meta": stage.meta or {},
            }
            for stage in ordered
        ]


def main() -> None:
    """Print the nodes as JSON; what DVC refuses is one line on stderr and exit status 1."""
    from dvc.exceptions import DvcException

    try:
        print(json.dumps(_describe(sys.argv[1:])))
    except DvcException as error:
        print(error, file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
