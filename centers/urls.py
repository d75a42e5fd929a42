"""Sign-in, sign-out, and the first password of an invited person."""

from __future__ import annotations

from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path

from centers.access import public
from centers.views import WelcomeView, confirm

urlpatterns = [
    path("sign-in/", public(LoginView.as_view(redirect_authenticated_user=True)), name="login"),
    path("sign-out/", public(LogoutView.as_view()), name="logout"),
    path("welcome/<uidb64>/<token>/", public(WelcomeView.as_view()), name="welcome"),
    path("confirm/", confirm, name="confirm"),
]
