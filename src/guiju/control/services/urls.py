from django.urls import path

from guiju.control.services import views

app_name = "services"
urlpatterns = [
    path("", views.overview, name="overview"),
    path("new/", views.save_service, name="new"),
    path("provider/", views.provider, name="provider"),
    path("upstreams/", views.upstream, name="upstream"),
    path("apps/new/", views.new_app, name="new_app"),
    path("apps/<slug:name>/", views.app, name="app"),
    path("apps/<slug:name>/keys/", views.new_key, name="new_key"),
    path("keys/<int:pk>/", views.key, name="key"),
    path("<slug:name>/state/", views.state, name="state"),
]
