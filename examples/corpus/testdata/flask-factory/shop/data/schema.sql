CREATE TABLE prices (name TEXT);
