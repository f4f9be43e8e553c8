"""The engine that runs releases as processes on this machine; other engines would offer the same few functions."""

from mlgate.engine.bluegreen import Running, check_port, port_of, release, resume, running, stop
from mlgate.engine.replica import launch_bento
from mlgate.engine.smoke import smoke

__all__ = ["Running", "check_port", "launch_bento", "port_of", "release", "resume", "running", "smoke", "stop"]
