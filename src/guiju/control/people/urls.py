from django.urls import path

from guiju.control.people import views

app_name = "people"
urlpatterns = [
    path("", views.people, name="list"),
    path("invite/", views.invite, name="invite"),
    path("<int:pk>/", views.change, name="change"),
    path("second-factor/", views.second_factor, name="second_factor"),
]
