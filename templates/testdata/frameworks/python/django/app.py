import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse, HttpResponseRedirect, JsonResponse, StreamingHttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

settings.configure(SECRET_KEY="x", ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], DEBUG=False, MIDDLEWARE=[])
django.setup()


def hello(request):
    return JsonResponse({"name": request.GET.get("name"), "all": request.GET.getlist("n"), "header": request.headers.get("x-name")})


@csrf_exempt
def echo(request):
    return HttpResponse(request.body, content_type="application/octet-stream")


def cookies(request):
    response = HttpResponse("ok")
    response.set_cookie("a", "1")
    response.set_cookie("b", request.COOKIES.get("seen", ""))
    return response


def fails(request):
    raise ValueError("raised on purpose")


urlpatterns = [
    path("hello", hello),
    path("echo", echo),
    path("cookies", cookies),
    path("redirect", lambda request: HttpResponseRedirect("/hello?name=you")),
    path("stream", lambda request: StreamingHttpResponse((f"{n}\n" for n in range(3)), content_type="text/plain")),
    path("path/<path:rest>", lambda request, rest: HttpResponse(rest)),
    path("raise", fails),
]
app = get_wsgi_application()
