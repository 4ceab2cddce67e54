const router = require('express').Router();

router.get('/', (req, res) => res.render('index', { title: 'Express' }));
router.get('/list', (req, res) => res.render('list.ejs', { items: ['a', '<b>'] }));
router.post('/hello', (req, res) => res.render('hello', { name: req.body.name }));
module.exports = router;
