from django.urls import path

from guiju.control.services import detector_views

app_name = "detectors"
urlpatterns = [path("", detector_views.detectors, name="list")]
