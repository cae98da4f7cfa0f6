"""The cluster that KUBECONFIG names, with pytest-kind's interface."""

import os
import pathlib
import subprocess


class KindCluster:
    def __init__(self, name, image=None):
        self.name = name
        self.kubeconfig_path = pathlib.Path(os.environ["KUBECONFIG"])
        self.kubectl_path = pathlib.Path(os.environ["KUBECTL"])

    def create(self):
        pass

    def delete(self):
        pass

    def kubectl(self, *arguments, **options):
        return subprocess.check_output(
            [str(self.kubectl_path), *arguments],
            env={**os.environ, "KUBECONFIG": str(self.kubeconfig_path)},
            encoding="utf-8",
            **options,
        )
