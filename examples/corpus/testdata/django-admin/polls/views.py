from django.http import JsonResponse
from django.shortcuts import get_object_or_404, render

from .models import Question


def index(request):
    return render(request, "polls/index.html", {"questions": Question.objects.all()})


def detail(request, id):
    return JsonResponse({"text": get_object_or_404(Question, id=id).text})
