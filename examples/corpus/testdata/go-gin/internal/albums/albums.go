// Package albums keeps albums.
package albums

// Album is one.
type Album struct {
	ID    string  `json:"id" form:"id" binding:"required"`
	Title string  `json:"title" form:"title" binding:"required,min=2"`
	Price float64 `json:"price" form:"price" binding:"gte=0"`
}

// ByID finds one.
func ByID(id string) (Album, bool) {
	a, ok := map[string]Album{"1": {"1", "Blue Train", 56.99}}[id]
	return a, ok
}
