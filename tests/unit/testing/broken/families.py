"""Families that break a rule before they answer: in what they say of themselves, and with files."""

import threading
import types
from dataclasses import replace
from typing import Any, ClassVar
from uuid import uuid4

from mlserve.errors import BundleError
from mlserve.signature import Field, OutputField, Signature
from mlserve_template.family import MeansFamily
from tests.unit.testing.broken.plugin import Broken


class TestNoVersion(Broken):
    breaks, says = Broken.test_the_module_is_a_plugin, "needs MLSERVE_API"
    api = None


class TestSuffixWithoutDot(Broken):
    breaks, says = Broken.test_the_family_has_its_attributes, "'means' has none"

    class Family(MeansFamily):
        formats = (".means", "means")


class TestVersionAsNumber(Broken):
    breaks, says = Broken.test_the_family_has_its_attributes, "version as text, not 2.4"

    class Family(MeansFamily):
        def libraries(self):
            return {"numpy": 2.4}


class TestCategoriesUnknown(Broken):
    breaks, says = Broken.test_inspect_gives_a_servable_signature, "cannot be served: input 'carrier'"

    class Family(MeansFamily):
        def inspect(self, path):
            return Signature((Field("carrier", "category"),), (OutputField("value", "float64"),))


class TestNoOutput(Broken):
    breaks, says = Broken.test_inspect_gives_a_servable_signature, "at least one output"

    class Family(MeansFamily):
        def inspect(self, path):
            return replace(super().inspect(path), outputs=())


class TestInspectAtRandom(Broken):
    breaks, says = Broken.test_inspect_depends_on_the_file_alone, "the same signature each time"

    class Family(MeansFamily):
        def inspect(self, path):
            output = OutputField("value", "float64", description=uuid4().hex)
            return replace(super().inspect(path), outputs=(output,))


class TestInspectByName(Broken):
    breaks, says = Broken.test_inspect_depends_on_the_file_alone, "must not depend on the file's name"

    class Family(MeansFamily):
        def inspect(self, path):
            output = OutputField("value", "float64", description=path.stem)
            return replace(super().inspect(path), outputs=(output,))


class TestInspectWrites(Broken):
    breaks, says = Broken.test_inspect_depends_on_the_file_alone, "leave the artefact as it is"

    class Family(MeansFamily):
        def inspect(self, path):
            found = super().inspect(path)
            path.write_text(path.read_text() + "\n")
            return found


class TestEager(Broken):
    breaks, says = Broken.test_enabling_the_plugin_imports_no_model_library, "imports wave"
    plugin = "tests.unit.testing.eager"


class TestLoadRefuses(Broken):
    breaks, says = Broken.test_the_predictor_has_its_attributes, "refuses the artefact"

    class Family(MeansFamily):
        def load(self, path, signature, settings):
            raise BundleError("it cannot")


class TestLeavesFilesOpen(Broken):
    breaks, says = Broken.test_loading_and_closing_leaks_nothing, "open files"
    kept: ClassVar[list[Any]] = []

    class Family(MeansFamily):
        def load(self, path, signature, settings):
            TestLeavesFilesOpen.kept.append(path.open())
            return super().load(path, signature, settings)


class TestRaisesOfItsOwn(Broken):
    breaks, says = Broken.test_damaged_artefacts_are_refused_in_one_sentence, "an empty file made .* DecodeError"

    class Family(MeansFamily):
        def inspect(self, path):
            try:
                return super().inspect(path)
            except BundleError as error:
                raise error.__cause__ from None


class TestServesAnything(Broken):
    breaks, says = Broken.test_damaged_artefacts_are_refused_in_one_sentence, "an empty file was served"

    class Family(MeansFamily):
        def inspect(self, path):
            return Signature((Field("x", "float64"),), (OutputField("value", "float64"),))

        def load(self, path, signature, settings):
            return types.SimpleNamespace(concurrency="parallel", engine="exact", close=lambda: None)


class TestTwoLines(Broken):
    breaks, says = Broken.test_damaged_artefacts_are_refused_in_one_sentence, "one sentence on one line"

    class Family(MeansFamily):
        def inspect(self, path):
            try:
                return super().inspect(path)
            except BundleError as error:
                raise BundleError(f"{error}\nSee above.") from error


class TestHangs(Broken):
    breaks, says = Broken.test_damaged_artefacts_are_refused_in_one_sentence, "an empty file: .* hangs"
    patience = 0.2

    class Family(MeansFamily):
        def inspect(self, path):
            if not path.stat().st_size:
                threading.Event().wait()
            return super().inspect(path)
