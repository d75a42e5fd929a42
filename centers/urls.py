"""Sign-in and sign-out."""

from __future__ import annotations

from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path

from centers.access import public

urlpatterns = [
    path("sign-in/", public(LoginView.as_view(redirect_authenticated_user=True)), name="login"),
    path("sign-out/", public(LogoutView.as_view()), name="logout"),
]
