"""Pages of the clinical record."""

urlpatterns: list[object] = []
