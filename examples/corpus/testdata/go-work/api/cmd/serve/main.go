package main

import (
	"net/http"
	"os"

	"example.com/work/api"
)

func main() { panic(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), api.Handler)) }
