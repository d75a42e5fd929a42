"""Pages of administrators about centers and people; all below /administration/."""

from __future__ import annotations

from django.urls import path

from centers import views_centers, views_user_acts, views_users

urlpatterns = [
    path("centers/", views_centers.center_list, name="center_list"),
    path("centers/new/", views_centers.center_create, name="center_create"),
    path("centers/<uuid:center>/", views_centers.center_detail, name="center_detail"),
    path("centers/<uuid:center>/amend/", views_centers.center_amend, name="center_amend"),
    path("centers/<uuid:center>/close/", views_centers.center_close, name="center_close"),
    path("centers/<uuid:center>/reopen/", views_centers.center_reopen, name="center_reopen"),
    path("users/", views_users.user_list, name="user_list"),
    path("users/new/", views_users.user_create, name="user_create"),
    path("users/<uuid:user>/", views_users.user_detail, name="user_detail"),
    path("users/<uuid:user>/amend/", views_users.user_amend, name="user_amend"),
    path(
        "users/<uuid:user>/memberships/new/",
        views_users.membership_create,
        name="membership_create",
    ),
    path(
        "users/<uuid:user>/memberships/<uuid:membership>/end/",
        views_users.membership_end,
        name="membership_end",
    ),
    path("users/<uuid:user>/deactivate/", views_user_acts.user_deactivate, name="user_deactivate"),
    path("users/<uuid:user>/reactivate/", views_user_acts.user_reactivate, name="user_reactivate"),
    path("users/<uuid:user>/sessions/", views_user_acts.user_sessions, name="user_sessions"),
    path(
        "users/<uuid:user>/second-factor/",
        views_user_acts.user_second_factor,
        name="user_second_factor",
    ),
    path("users/<uuid:user>/link/", views_user_acts.user_link, name="user_link"),
]
