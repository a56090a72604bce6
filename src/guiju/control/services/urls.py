from django.urls import path

from guiju.control.services import upstream_views, views

app_name = "services"
urlpatterns = [
    path("", views.overview, name="overview"),
    path("new/", views.new_service, name="new"),
    path("provider/", views.provider, name="provider"),
    path("upstreams/", upstream_views.upstream, name="new_upstream"),
    path("upstreams/<name:name>/", upstream_views.upstream, name="upstream"),
    path("upstreams/<name:name>/remove/", upstream_views.remove_upstream, name="remove_upstream"),
    path("apps/new/", views.new_app, name="new_app"),
    path("apps/<name:name>/", views.app, name="app"),
    path("apps/<name:name>/keys/", views.new_key, name="new_key"),
    path("quotas/<slug:scope>/<name:name>/", views.quota, name="quota"),
    path("keys/<int:pk>/", views.key, name="key"),
    path("<name:name>/", views.service, name="service"),
    path("<name:name>/state/", views.state, name="state"),
    path("<name:name>/models/", views.new_route, name="new_route"),
    path("<name:name>/models/<int:pk>/", views.route, name="route"),
]
