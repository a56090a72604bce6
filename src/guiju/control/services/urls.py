from django.urls import path

from guiju.control.services import views

app_name = "services"
urlpatterns = [
    path("", views.overview, name="overview"),
    path("new/", views.new_service, name="new"),
    path("provider/", views.provider, name="provider"),
    path("upstreams/", views.upstream, name="new_upstream"),
    path("upstreams/<slug:name>/", views.upstream, name="upstream"),
    path("upstreams/<slug:name>/remove/", views.remove_upstream, name="remove_upstream"),
    path("apps/new/", views.new_app, name="new_app"),
    path("apps/<slug:name>/", views.app, name="app"),
    path("apps/<slug:name>/keys/", views.new_key, name="new_key"),
    path("keys/<int:pk>/", views.key, name="key"),
    path("<slug:name>/", views.service, name="service"),
    path("<slug:name>/state/", views.state, name="state"),
    path("<slug:name>/models/", views.new_route, name="new_route"),
    path("<slug:name>/models/<int:pk>/remove/", views.remove_route, name="remove_route"),
]
