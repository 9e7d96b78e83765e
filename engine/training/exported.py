# SPDX-License-Identifier: GPL-3.0-or-later
"""A trained model at work without TensorFlow: its graphs and its checkpoint's weights, computed by OpenVINO."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..contract.errors import EngineError, ErrorCode
from ..contract.settings import NEWEST
from ..runtime.openvino_runtime import (
    FLOAT32,
    Graph,
    ReadyNetwork,
    computes_bfloat16,
    precision_title,
)
from .checkpoint import Arrays, ModelDocument
from .chosen_weights import read_inference_weights
from .decoded import joined, told_apart
from .graph_files import GraphFiles, weight_inputs
from .precision_choice import (
    ENOUGH,
    EXACT,
    Choice,
    Faces,
    Precision,
    choose,
    load_choices,
    relit,
    save_choices,
    telling,
)
from .trained_swapper import TrainedSwapper


def exported_precision(files: GraphFiles, precision: Precision) -> str:
    """Return in words how exactly graphs are computed; their name changes with the computation."""
    return precision_title(f"{files.encoder.stem} {precision.encoder} {precision.decoder}")


class ExportedSwapper(TrainedSwapper):
    """A trained network, ready to swap without TensorFlow. Like `training.inference.Swapper`.

    Args:
        folder: Folder of the model.
        document: What the model is.
        files: Its graphs.
        sources: Performers to make ready at once; others are made ready when they are first swapped.
        threads: Processor threads; 0 takes one for each core.
        checkpoint: "newest", "best", or the name of one of the model's checkpoints or snapshots.

    Raises:
        EngineError: `model_missing` or `model_unreadable` when the checkpoint is at fault, `internal` when the graphs
            are, `library_missing`.
    """

    def __init__(
        self,
        folder: Path,
        document: ModelDocument,
        files: GraphFiles,
        sources: Sequence[str] = (),
        threads: int = 0,
        checkpoint: str = NEWEST,
    ) -> None:
        self._weights, document = read_inference_weights(folder, document, checkpoint)
        super().__init__(document)
        self._folder, self._files, self._threads = folder, files, threads
        self._checkpoint = folder / document.checkpoint
        self._graphs: dict[str, Graph] = {}
        self._networks: dict[tuple[str, str], ReadyNetwork] = {}
        self._precisions: dict[str, Precision] = {}
        self._choices: dict[str, Choice] = {}
        self._seen: dict[str, Faces] = {}
        if computes_bfloat16():
            self._precisions = load_choices(folder, self.fingerprint)
        else:
            self._precisions = dict.fromkeys(self.performers, EXACT)
        for source in sources:
            precision = self._precisions.get(source, EXACT)
            self._network("encoder", precision.encoder)
            self._network(f"decoder:{source}", precision.decoder)

    def precision_of(self, source: str) -> str:
        """Return in words how exactly a performer's faces are computed now."""
        return exported_precision(self._files, self._precisions.get(source, EXACT))

    def swap(self, faces: Faces, source: str) -> tuple[Faces, Faces | None]:
        """Give faces the identity of a performer.

        Args:
            faces: What `inputs` returned.
            source: Performer to appear.

        Returns:
            The swapped faces, float32 (n, S, S, 3) RGB in 0…1, and the network's masks, float32 (n, S, S), or None
            where it has none.

        Raises:
            EngineError: `performer_unknown`, naming whom the model knows.
        """
        self.check_source(source)
        faces = np.ascontiguousarray(faces, np.float32)
        plain = telling(faces)
        if source not in self._precisions:
            # The first faces are exact: choosing takes as long as loading, and whoever looks at one frame won't gain.
            earlier = self._seen.get(source)
            self._seen[source] = faces[plain] if earlier is None else np.concatenate([earlier, faces[plain]])
            if earlier is not None and len(self._seen[source]) >= ENOUGH:
                self._measure(self._seen.pop(source), source)
        return told_apart(self._compute_apart(self._precisions.get(source, EXACT), faces, plain, source))

    def _compute_apart(self, precision: Precision, faces: Faces, plain: NDArray[np.bool_], source: str) -> Faces:
        """Compute faces as was chosen, but those unlike what was measured exactly."""
        if precision == EXACT or plain.all():
            return self._compute(precision, faces, source)
        results = self._compute(EXACT, faces, source)
        if plain.any():
            results[plain] = self._compute(precision, faces[plain], source)
        return results

    def _measure(self, faces: Faces, source: str) -> None:
        faces = np.concatenate([faces, relit(faces)])
        choice = choose(faces, lambda precision, some: self._compute(precision, some, source))
        self._precisions[source] = choice.precision
        self._choices[source] = choice
        save_choices(self._folder, self.fingerprint, self._choices)
        kept = {("encoder", item.encoder) for item in self._precisions.values()}
        kept |= {(f"decoder:{name}", item.decoder) for name, item in self._precisions.items()}
        self._networks = {key: network for key, network in self._networks.items() if key in kept}

    def _compute(self, precision: Precision, faces: Faces, source: str) -> Faces:
        (code,) = self._network("encoder", precision.encoder)(faces).values()
        outputs = self._network(f"decoder:{source}", precision.decoder)(code)
        return joined(list(outputs.values()), self.face_size)

    def _network(self, part: str, precision: str) -> ReadyNetwork:
        """Return a network ready to compute; where a precision rounds nothing, it is the exact one."""
        key = part, precision
        if key not in self._networks:
            if precision == FLOAT32 or self._graph(part).is_rounded_by(precision):
                self._networks[key] = self._graph(part).compile(precision, self._threads)
            else:
                self._networks[key] = self._network(part, FLOAT32)
        return self._networks[key]

    def _graph(self, part: str) -> Graph:
        if part not in self._graphs:
            self._graphs[part] = self._filled(part)
        return self._graphs[part]

    @staticmethod
    def _read_graph(path: Path) -> Graph:
        try:
            return Graph(path)
        except EngineError as error:
            if error.code != ErrorCode.MODEL_UNREADABLE:
                raise
            # A graph can be written anew, unlike a checkpoint.
            raise EngineError(ErrorCode.INTERNAL, error.message) from error

    def _filled(self, part: str) -> Graph:
        """Return the graph of a part with the checkpoint's weights in it."""
        graph = self._read_graph(self._files.encoder if part == "encoder" else self._files.decoder)
        names = weight_inputs(part, list(self._weights))
        values: Arrays = {}
        for port, shape in graph.inputs().items():
            # TensorFlow numbers the outputs of everything, inputs included.
            name = port.removesuffix(":0")
            if name in ("faces", "code"):
                continue
            value = self._weights.get(names.get(name, ""))
            if value is None or value.shape != shape:
                raise EngineError(
                    ErrorCode.MODEL_UNREADABLE,
                    f"The checkpoint {self._checkpoint} lacks the weights {names.get(name, name)} of this network.",
                    "Use one of its backups, or the version of Understudy that wrote it.",
                )
            values[port] = value
        graph.fill(values)
        graph.quicken()
        return graph
