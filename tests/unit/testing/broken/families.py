"""Families that break a rule before they answer: in what they say of themselves, and with files."""

from dataclasses import replace
from typing import Any, ClassVar
from uuid import uuid4

from mlserve.errors import BundleError
from mlserve.signature import Field, OutputField, Signature
from mlserve_template.family import TemplateFamily
from tests.unit.testing.broken.plugin import Broken, write_zip


class TestNoVersion(Broken):
    breaks, says = Broken.test_the_module_is_a_plugin, "needs MLSERVE_API"
    api = None


class TestSuffixWithoutDot(Broken):
    breaks, says = Broken.test_the_family_has_its_attributes, "with formats = "

    class Family(TemplateFamily):
        formats = (".template", "template")


class TestVersionAsNumber(Broken):
    breaks, says = Broken.test_the_family_has_its_attributes, "version as text, not 2.4"

    class Family(TemplateFamily):
        def libraries(self):
            return {"numpy": 2.4}


class TestCategoriesUnknown(Broken):
    breaks, says = Broken.test_inspect_gives_a_servable_signature, "cannot be served: input 'carrier'"

    class Family(TemplateFamily):
        def inspect(self, path):
            return Signature((Field("carrier", "category"),), (OutputField("value", "float64"),))


class TestNoOutput(Broken):
    breaks, says = Broken.test_inspect_gives_a_servable_signature, "at least one output"

    class Family(TemplateFamily):
        def inspect(self, path):
            return replace(super().inspect(path), outputs=())


class TestInspectAtRandom(Broken):
    breaks, says = Broken.test_inspect_depends_on_the_file_alone, "the same signature each time"

    class Family(TemplateFamily):
        def inspect(self, path):
            output = OutputField("value", "float64", description=uuid4().hex)
            return replace(super().inspect(path), outputs=(output,))


class TestInspectByName(Broken):
    breaks, says = Broken.test_inspect_depends_on_the_file_alone, "must not depend on the file's name"

    class Family(TemplateFamily):
        def inspect(self, path):
            output = OutputField("value", "float64", description=path.stem)
            return replace(super().inspect(path), outputs=(output,))


class TestInspectWrites(Broken):
    breaks, says = Broken.test_inspect_depends_on_the_file_alone, "leave the artefact as it is"

    class Family(TemplateFamily):
        def inspect(self, path):
            found = super().inspect(path)
            path.write_text(path.read_text() + "\n")
            return found


class TestEager(Broken):
    breaks, says = Broken.test_enabling_the_plugin_imports_no_model_library, "imports wave"
    plugin = "tests.unit.testing.eager"


class TestLoadRefuses(Broken):
    breaks, says = Broken.test_the_predictor_has_its_attributes, "refuses the artefact"

    class Family(TemplateFamily):
        def load(self, path, signature, settings):
            raise BundleError("it cannot")


class TestLeavesFilesOpen(Broken):
    breaks, says = Broken.test_loading_and_closing_leaks_nothing, "open files"
    kept: ClassVar[list[Any]] = []

    class Family(TemplateFamily):
        def load(self, path, signature, settings):
            TestLeavesFilesOpen.kept.append(path.open())
            return super().load(path, signature, settings)


class TestRaisesOfItsOwn(Broken):
    breaks, says = Broken.test_damaged_artefacts_are_refused_in_one_sentence, "an empty file made .* DecodeError"
    plugin = "tests.unit.testing.broken.artefacts.raises"


class TestServesAnything(Broken):
    breaks, says = Broken.test_damaged_artefacts_are_refused_in_one_sentence, "an empty file was served"
    plugin = "tests.unit.testing.broken.artefacts.serves"


class TestTwoLines(Broken):
    breaks, says = Broken.test_damaged_artefacts_are_refused_in_one_sentence, "one sentence on one line"
    plugin = "tests.unit.testing.broken.artefacts.tells"


class TestHangs(Broken):
    breaks, says = Broken.test_damaged_artefacts_are_refused_in_one_sentence, "an empty file: .* hangs"
    plugin = "tests.unit.testing.broken.artefacts.hangs"
    patience = 5.0


class TestDies(Broken):
    breaks, says = Broken.test_damaged_artefacts_are_refused_in_one_sentence, "an empty file ends .* SIGSEGV"
    plugin = "tests.unit.testing.broken.artefacts.dies"


class TestDiesOfAFlippedBit(Broken):
    breaks, says = Broken.test_no_altered_artefact_ends_the_process, "flipped ends the server's process .* SIGSEGV"
    plugin = "tests.unit.testing.broken.artefacts.dies"


class TestOpensAnything(Broken):
    breaks, says = Broken.test_paths_that_are_no_artefacts_are_refused_in_one_sentence, "raise IsADirectoryError"
    plugin = "tests.unit.testing.broken.artefacts.links"


class TestFollowsNoLink(Broken):
    breaks, says = Broken.test_an_artefact_behind_a_link_is_served, "is not served: .* is a link"
    plugin = "tests.unit.testing.broken.artefacts.links"


class TestUnfoldsAll(Broken):
    breaks, says = Broken.test_an_artefact_that_is_a_zip_unfolds_within_bounds, "takes .* MiB: look at its size first"
    plugin = "tests.unit.testing.broken.artefacts.unfolds"
    artefact = staticmethod(write_zip)
