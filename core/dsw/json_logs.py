"""How a service writes its log: one JSON object a line, on standard error.

Only services import it; structlog comes with their extras.
"""

from __future__ import annotations

import logging
import sys

import structlog


def set_up() -> None:
    """From now on for the whole process; libraries are heard from warnings up."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
