"""An empty stand-in for nnsight, which dictionary_learning imports when it is loaded and no training step uses."""
import importlib.machinery
import sys
import types


class _StandIn(types.ModuleType):
    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


def provide(name):
    """Makes `import name` give an empty package, whose attributes are empty classes."""
    module = _StandIn(name)
    module.__spec__ = importlib.machinery.ModuleSpec(name, None)
    module.__path__ = []
    sys.modules[name] = module
