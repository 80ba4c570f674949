"""What pyproject.toml cannot say: etc/ lies beside the package in a checkout, and inside of it in a wheel."""

from pathlib import Path
from shutil import copytree

from setuptools import setup
from setuptools.command.build_py import build_py


class WithEtc(build_py):
    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            copytree("etc", Path(self.build_lib, "watcher", "etc"), dirs_exist_ok=True)


setup(cmdclass={"build_py": WithEtc})
