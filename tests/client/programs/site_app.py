"""A site made with Django, in one file: its LOGGING names the handler, and one of its views fails."""

import logging
import sys
from typing import Any

import setup_logging
from django.conf import settings
from django.core.management import execute_from_command_line
from django.http import HttpRequest, HttpResponse
from django.urls import path

settings.configure(
    SECRET_KEY="of the tests",
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    LOGGING=setup_logging.settings(loggers={
        "django": {"level": "INFO", "handlers": [], "propagate": True},
        "django.server": {"level": "INFO", "handlers": [], "propagate": True},
    }),
)
log = logging.getLogger("site.views")


def good(request: HttpRequest, number: int) -> HttpResponse:
    log.info("view %d of %s", number, request, extra={"request": request, "user": object()})
    return HttpResponse("good")


def fails(request: HttpRequest) -> HttpResponse:
    secret: Any = {"a": 1}
    return HttpResponse(secret["b"])


urlpatterns = [path("good/<int:number>", good), path("fails", fails)]

if __name__ == "__main__":
    execute_from_command_line([sys.argv[0], "runserver", "--noreload", "127.0.0.1:" + sys.argv[1]])
