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
        answer = self._run(*arguments, **options)
        if arguments[:2] == ("create", "namespace"):
            # The suite makes pods at once; a new namespace has its service account a moment later.
            self._run("wait", "--for=create", "serviceaccount/default", "--namespace", arguments[2], "--timeout=20s")
        return answer

    def _run(self, *arguments, **options):
        return subprocess.check_output(
            [str(self.kubectl_path), *arguments],
            env={**os.environ, "KUBECONFIG": str(self.kubeconfig_path)},
            encoding="utf-8",
            **options,
        )
