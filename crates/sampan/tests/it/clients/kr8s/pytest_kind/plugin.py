"""The options that pytest-kind adds."""


def pytest_addoption(parser):
    parser.addoption("--keep-cluster", action="store_true", default=True)
