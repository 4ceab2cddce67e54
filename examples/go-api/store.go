package api

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Item is one entry of the list.
type Item struct {
	ID    int      `json:"id"`
	Name  string   `json:"name"`
	Price int      `json:"price"` // in cents
	Tags  []string `json:"tags,omitempty"`
}

// invalid says what is wrong with each field.
type invalid map[string]string

func (i invalid) Error() string { return fmt.Sprint(map[string]string(i)) }

var (
	errMissing = errors.New("no such item")
	errFull    = errors.New("the list is full")
)

func (i Item) check() error {
	wrong := invalid{}
	if i.ID != 0 {
		wrong["id"] = "is given by the server"
	}
	if strings.TrimSpace(i.Name) == "" {
		wrong["name"] = "is required"
	} else if len(i.Name) > 100 {
		wrong["name"] = "is longer than 100 bytes"
	}
	if i.Price < 0 {
		wrong["price"] = "is negative"
	}
	if len(wrong) > 0 {
		return wrong
	}
	return nil
}

// store keeps items in memory: they live as long as the instance does.
type store struct {
	mu    sync.RWMutex
	limit int
	last  int
	items map[int]Item
}

func (s *store) all(tag string) []Item {
	s.mu.RLock()
	defer s.mu.RUnlock()
	out := []Item{}
	for _, item := range s.items {
		if tag == "" || slices.Contains(item.Tags, tag) {
			out = append(out, item)
		}
	}
	slices.SortFunc(out, func(a, b Item) int { return a.ID - b.ID })
	return out
}

func (s *store) add(item Item) (Item, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.items) >= s.limit {
		return Item{}, errFull
	}
	s.last++
	item.ID = s.last
	s.items[item.ID] = item
	return item, nil
}

func (s *store) find(id string) (Item, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	n, err := strconv.Atoi(id)
	if item, ok := s.items[n]; err == nil && ok {
		return item, nil
	}
	return Item{}, errMissing
}

func (s *store) replace(id string, item Item) (Item, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := strconv.Atoi(id)
	if _, ok := s.items[n]; err != nil || !ok {
		return Item{}, errMissing
	}
	item.ID = n
	s.items[n] = item
	return item, nil
}

func (s *store) drop(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := strconv.Atoi(id)
	if _, ok := s.items[n]; err != nil || !ok {
		return errMissing
	}
	delete(s.items, n)
	return nil
}
