import { render } from "preact";
import "./theme.css";
import { followLinks } from "./address";
import { Page } from "./page";

followLinks();
const root = document.getElementById("page");
if (root) render(<Page />, root);
