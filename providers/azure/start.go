package azure

import (
	"archive/zip"
	"fmt"
	"io"
	"path"
	"strings"
)

// startPython adds what Azure's worker for Python loads: it sets the environment, and then the shim registers what there is. The file
// has the name that those of Azure's own apps have: what the function has under it is loaded by ferry's, and takes its place.
func startPython(files map[string][]byte, s spec, in *zip.Reader) error {
	module := strings.TrimSuffix(path.Base(s.artifact.Entry), ".py")
	start := `import importlib.util, json, os, sys, time

here = os.path.dirname(os.path.abspath(__file__))
with open(os.path.join(here, "` + envFile + `"), encoding="utf-8") as given:
    os.environ.update(json.load(given))
time.tzset()
`
	swapped := strings.HasPrefix(s.function.Handler, strings.TrimSuffix(pythonFile, ".py")+":")
	if swapped {
		own, err := contentOf(in, pythonFile)
		if err != nil {
			return err
		}
		files[pythonOwn] = own
		start += `
mine = sys.modules[__name__]
own = importlib.util.spec_from_file_location(__name__, os.path.join(here, "` + pythonOwn + `"))
sys.modules[__name__] = importlib.util.module_from_spec(own)
own.loader.exec_module(sys.modules[__name__])
`
	}
	start += "\nfrom " + module + " import app\n"
	if swapped && !s.function.native() { // then what the worker looks for is ferry's
		start += "\nsys.modules[__name__] = mine\n"
	}
	if mark := s.marker(); mark != "" {
		start += `
import azure.functions


@app.function_name("` + mark + `")
@app.route(route="` + s.markedRoute() + `", auth_level=azure.functions.AuthLevel.ADMIN)
def ferry_mark(req: azure.functions.HttpRequest) -> azure.functions.HttpResponse:
    return azure.functions.HttpResponse(status_code=204)
`
	}
	files[pythonFile] = []byte(start)
	return nil
}

// startNode adds what Azure's worker for Node loads, which does the same.
func startNode(files map[string][]byte, s spec, in *zip.Reader) error {
	start := `import { readFileSync } from "node:fs";

Object.assign(process.env, JSON.parse(readFileSync(new URL("` + envFile + `", import.meta.url), "utf8")));
await import("./` + s.artifact.Entry + `");
`
	if mark := s.marker(); mark != "" {
		start += `const { app } = await import("@azure/functions");
app.http("` + mark + `", { authLevel: "admin", route: "` + s.markedRoute() + `", handler: () => ({ status: 204 }) });
`
	}
	files[nodeFile] = []byte(start)
	packaged := map[string]any{}
	if err := from(in, packageFile, &packaged); err != nil {
		return err
	}
	packaged["main"] = nodeFile
	files[packageFile] = text(packaged)
	return nil
}

// contentOf is a file of a package.
func contentOf(in *zip.Reader, name string) ([]byte, error) {
	f, err := in.Open(name)
	if err != nil {
		return nil, fmt.Errorf("opening %s of the package: %w", name, err)
	}
	defer f.Close()
	data, err := io.ReadAll(f)
	if err != nil {
		return nil, fmt.Errorf("reading %s of the package: %w", name, err)
	}
	return data, nil
}
