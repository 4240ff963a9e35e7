"""An empty stand-in for nnsight, which dictionary_learning imports when it is loaded and no training step uses."""
import importlib.machinery
import importlib.util
import sys
import types


class _StandIn(types.ModuleType):
    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


def provide(name):
    """Makes `import name` work where the package isn't installed."""
    if name in sys.modules or importlib.util.find_spec(name):
        return
    module = _StandIn(name)
    module.__spec__ = importlib.machinery.ModuleSpec(name, None)
    module.__path__ = []
    sys.modules[name] = module
